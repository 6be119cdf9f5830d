/* A container's streams: output into the log, the log to the host, the host's bytes into stdin. */
#include "container.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static void close_watched(struct watch *watch, int *fd) {
  watch_stop(watch);
  close_fd(fd);
}

/* Whether an empty pipe is the end of it. */
static bool is_last(const struct container *container) { return container->state == STATE_EXITED && !container->stdio.apart; }

/* Reads until there is no more (true: the far end is closed, or the process is gone and its pipe empty) or no room. */
static bool take_output(struct container *container, struct watch *watch, int fd, uint8_t stream) {
  static uint8_t bytes[LOG_ENTRY_BYTES_MAX];
  for (;;) {
    size_t room = logs_room(&container->logs);
    if (room == 0) {
      watch_want(watch, 0);
      return false;
    }
    ssize_t got = RETRY(read(fd, bytes, room));
    if (got > 0) {
      logs_add(&container->logs, stream, wall_ns(), bytes, (size_t)got);
      if ((size_t)got < room && container->state != STATE_EXITED) return false;
      continue;
    }
    if (got < 0 && errno == EAGAIN && !is_last(container)) {
      watch_want(watch, EPOLLIN);
      return false;
    }
    return true;
  }
}

static void on_output(struct container *container, struct watch *watch, int *fd, uint8_t stream) {
  if (*fd >= 0 && take_output(container, watch, *fd, stream)) close_watched(watch, fd);
  container->output_done = container->stdio.out < 0 && container->stdio.err < 0;
  container_io_send(container);
}

static void on_out(struct watch *watch, uint32_t events) {
  struct container *container = OWNER(watch, struct container, out_watch);
  (void)events;
  on_output(container, watch, &container->stdio.out, 1);
}

static void on_err(struct watch *watch, uint32_t events) {
  struct container *container = OWNER(watch, struct container, err_watch);
  (void)events;
  on_output(container, watch, &container->stdio.err, 2);
}

static void resume_output(struct container *container) {
  if (container->state == STATE_EXITED) {
    container_io_finish(container);
    return;
  }
  if (logs_room(&container->logs) == 0) return;
  watch_want(&container->out_watch, EPOLLIN);
  watch_want(&container->err_watch, EPOLLIN);
}

void container_io_finish(struct container *container) {
  stdio_drain(&container->stdio);
  on_output(container, &container->out_watch, &container->stdio.out, 1);
  on_output(container, &container->err_watch, &container->stdio.err, 2);
}

void container_io_send(struct container *container) {
  struct stream *stream = container->logs_stream;
  if (!stream || stream->out_end) return;
  const struct log_entry *entry;
  while (stream_writable(stream) && (entry = logs_next(&container->logs))) {
    uint8_t head[FRAME_HEADER_BYTES + LOG_FRAME_HEAD_BYTES];
    frame_header(head, FRAME_LOG, LOG_FRAME_HEAD_BYTES + entry->len);
    log_head(head + FRAME_HEADER_BYTES, entry);
    stream_write(stream, head, sizeof head);
    stream_write(stream, entry->bytes, entry->len);
  }
  if (container->state != STATE_EXITED || !container->output_done || container->logs.cursor) return;
  json_t *report = exit_json(&container->exit, "");
  AUTO_FREE char *text = json_dumps(report, JSON_COMPACT);
  json_decref(report);
  stream_write_frame(stream, FRAME_EXIT, text, strlen(text));
  stream_end(stream);
}

static void logs_data(struct stream *stream) {
  struct container *container = stream->owner;
  struct frame frame;
  size_t size;
  int parsed;
  bool acknowledged = false;
  while ((parsed = frame_parse(buf_at(&stream->in), stream->in.len, &frame, &size)) > 0) {
    if (frame.kind == FRAME_ACK && frame.len == 8) logs_ack(&container->logs, get_u64(frame.payload));
    acknowledged = true;
    stream_take(stream, size);
  }
  if (parsed < 0) {
    stream_reset(stream);
    return;
  }
  if (acknowledged) resume_output(container);
  container_io_send(container);
}

static void logs_drained(struct stream *stream) { container_io_send(stream->owner); }

static void logs_closed(struct stream *stream) {
  struct container *container = stream->owner;
  if (container->logs_stream == stream) container->logs_stream = NULL;
}

static void let_go(struct stream *stream) {
  stream->ops = NULL;
  stream->in_ignored = true;
  if (!stream->out_end) stream_end(stream);
}

void container_logs(struct stream *stream, struct container *container, json_t *body) {
  static const struct stream_ops ops = {.data = logs_data, .drained = logs_drained, .closed = logs_closed};
  (void)body;
  /* One reader: a new one takes over from the first entry that is not acknowledged. */
  if (container->logs_stream) let_go(container->logs_stream);
  container->logs_stream = stream;
  stream->ops = &ops;
  stream->owner = container;
  logs_rewind(&container->logs);
  stream_begin(stream, 200, NULL);
  logs_data(stream);
}

static void end_stdin(struct container *container) {
  struct stream *stream = container->stdin_stream;
  container->stdin_stream = NULL;
  watch_stop(&container->in_watch);
  if (!container->stdin_keep && !container->stdio.tty) close_fd(&container->stdio.in);
  if (stream) {
    stream->ops = NULL;
    stream_reply(stream, 200, json_object());
  }
}

static void stdin_data(struct stream *stream) {
  struct container *container = stream->owner;
  while (stream->in.len) {
    /* What nobody can read any more is dropped, as a closed pipe does. */
    ssize_t put = container->stdio.in < 0 ? (ssize_t)stream->in.len
                                          : RETRY(write(container->stdio.in, buf_at(&stream->in), stream->in.len));
    if (put < 0 && errno == EAGAIN) {
      watch_want(&container->in_watch, EPOLLOUT);
      return;
    }
    if (put < 0) {
      watch_stop(&container->in_watch);
      close_fd(&container->stdio.in);
      continue;
    }
    stream_take(stream, (size_t)put);
  }
  watch_want(&container->in_watch, 0);
  if (stream->in_end) end_stdin(container);
}

static void on_in(struct watch *watch, uint32_t events) {
  struct container *container = OWNER(watch, struct container, in_watch);
  (void)events;
  if (container->stdin_stream) stdin_data(container->stdin_stream);
  else watch_want(watch, 0);
}

static void stdin_closed(struct stream *stream) {
  struct container *container = stream->owner;
  if (container->stdin_stream != stream) return;
  /* The host went away in the middle: stdin stays open for the next one. */
  container->stdin_stream = NULL;
  watch_stop(&container->in_watch);
}

void container_stdin(struct stream *stream, struct container *container, json_t *body) {
  static const struct stream_ops ops = {.data = stdin_data, .closed = stdin_closed};
  struct fault fault;
  (void)body;
  if (container->stdin_stream || container->stdio.in < 0) {
    fail(&fault, "conflict", container->stdin_stream ? "stdin is already being written" : "stdin is not open");
    stream_reply_fault(stream, &fault);
    return;
  }
  container->stdin_stream = stream;
  container->stdin_keep = stream_flag(stream, "keep");
  stream->ops = &ops;
  stream->owner = container;
  watch_start(&container->in_watch, container->stdio.in, 0, on_in);
  stdin_data(stream);
}

void container_io_start(struct container *container) {
  container->in_watch.fd = -1;
  watch_start(&container->out_watch, container->stdio.out, EPOLLIN, on_out);
  container->err_watch.fd = -1;
  if (container->stdio.err >= 0) watch_start(&container->err_watch, container->stdio.err, EPOLLIN, on_err);
}

void container_io_free(struct container *container) {
  if (container->logs_stream) {
    let_go(container->logs_stream);
    container->logs_stream = NULL;
  }
  container->stdin_keep = true;
  if (container->stdin_stream) end_stdin(container);
  watch_stop(&container->in_watch);
  watch_stop(&container->out_watch);
  watch_stop(&container->err_watch);
  stdio_close(&container->stdio);
  logs_free(&container->logs);
}
