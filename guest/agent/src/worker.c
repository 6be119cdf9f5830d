#include "worker.h"

#include "loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* On the pipe, ahead of what follows: status, whether a body follows, length of the JSON. */
struct head {
  uint32_t status, streams, len;
};

struct worker {
  struct worker *next;
  struct stream *stream;
  const void *subject;
  pid_t pid;
  int in, out;
  struct watch in_watch, out_watch;
  struct buf head;
  bool begun, answered, reaped, ok, lingers;
};

static struct worker *first;

static void free_worker(struct worker *worker) {
  for (struct worker **at = &first; *at; at = &(*at)->next)
    if (*at == worker) {
      *at = worker->next;
      break;
    }
  watch_stop(&worker->in_watch);
  watch_stop(&worker->out_watch);
  close_fd(&worker->in);
  close_fd(&worker->out);
  buf_free(&worker->head);
  free(worker);
}

static void let_go(struct worker *worker) {
  if (worker->stream) worker->stream->ops = NULL;
  worker->stream = NULL;
  if (!worker->reaped) kill(worker->pid, SIGKILL);
}

static void finish(struct worker *worker) {
  struct stream *stream = worker->stream;
  if (stream && worker->lingers && worker->begun && worker->out < 0) {
    worker->stream = NULL;
    stream->ops = NULL;
    stream->in_ignored = true;
    stream_end(stream);
    watch_stop(&worker->in_watch);
    close_fd(&worker->in);
  } else if (stream && worker->reaped && worker->out < 0) {
    let_go(worker);
    if (worker->begun) {
      stream->in_ignored = true;
      if (worker->ok) stream_end(stream);
      else stream_reset(stream);
    } else if (!worker->answered) {
      struct fault fault;
      fail(&fault, "internal", "the worker in the guest died");
      stream_reply_fault(stream, &fault);
    }
  }
}

static void read_head(struct worker *worker) {
  struct head head;
  struct stream *stream = worker->stream;
  if (worker->head.len < sizeof head) return;
  memcpy(&head, buf_at(&worker->head), sizeof head);
  if (worker->head.len - sizeof head < head.len) return;
  const char *text = (const char *)buf_at(&worker->head) + sizeof head;
  if (head.streams) {
    AUTO_FREE char *stat = must_printf("%.*s", (int)head.len, text);
    worker->begun = true;
    stream_begin(stream, 200, head.len ? (const char *[]){"x-kraud-stat", stat, NULL} : NULL);
    if (strcmp(stream->method, "HEAD") == 0) {
      worker->begun = false;
      worker->answered = true;
      let_go(worker);
      return;
    }
    size_t rest = worker->head.len - sizeof head - head.len;
    if (rest) stream_write(stream, text + head.len, rest);
    buf_free(&worker->head);
    return;
  }
  json_t *body = json_loadb(text, head.len, JSON_DECODE_ANY, NULL);
  worker->answered = true;
  let_go(worker);
  stream_reply(stream, (int)head.status, body ? body : json_object());
}

static void take_output(struct worker *worker) {
  static uint8_t bytes[32 * 1024];
  while (worker->out >= 0) {
    if (worker->stream && !stream_writable(worker->stream)) {
      watch_want(&worker->out_watch, 0);
      return;
    }
    ssize_t got = RETRY(read(worker->out, bytes, sizeof bytes));
    if (got < 0 && errno == EAGAIN) {
      watch_want(&worker->out_watch, EPOLLIN);
      return;
    }
    if (got <= 0) {
      watch_stop(&worker->out_watch);
      close_fd(&worker->out);
      break;
    }
    if (!worker->stream) continue;
    if (worker->begun) {
      stream_write(worker->stream, bytes, (size_t)got);
      continue;
    }
    buf_add(&worker->head, bytes, (size_t)got);
    read_head(worker);
  }
  finish(worker);
}

static void on_out(struct watch *watch, uint32_t events) {
  (void)events;
  take_output(OWNER(watch, struct worker, out_watch));
}

static void give_input(struct worker *worker) {
  struct stream *stream = worker->stream;
  while (stream->in.len) {
    ssize_t put = worker->in < 0 ? (ssize_t)stream->in.len : RETRY(write(worker->in, buf_at(&stream->in), stream->in.len));
    if (put < 0 && errno == EAGAIN) {
      watch_want(&worker->in_watch, EPOLLOUT);
      return;
    }
    if (put < 0) {
      watch_stop(&worker->in_watch);
      close_fd(&worker->in);
      continue;
    }
    stream_take(stream, (size_t)put);
  }
  watch_want(&worker->in_watch, 0);
  if (stream->in_end) {
    watch_stop(&worker->in_watch);
    close_fd(&worker->in);
  }
}

static void on_in(struct watch *watch, uint32_t events) {
  struct worker *worker = OWNER(watch, struct worker, in_watch);
  (void)events;
  if (worker->stream) give_input(worker);
  else watch_want(watch, 0);
}

static void stream_data(struct stream *stream) { give_input(stream->owner); }
static void stream_drained(struct stream *stream) { take_output(stream->owner); }

static void stream_closed(struct stream *stream) {
  struct worker *worker = stream->owner;
  worker->stream = NULL;
  if (!worker->lingers || !worker->begun) {
    kill(worker->pid, SIGKILL);
    return;
  }
  watch_stop(&worker->in_watch);
  close_fd(&worker->in);
}

/* Of all the agent holds the worker keeps only what it is meant to have; a container's pipes above all it must not. */
_Noreturn static void become_worker(struct work work, int in, int out) {
  int *keep[] = {&work.root, &work.more, &work.in, &work.out};
  work.in = in;
  work.out = out;
  const int base = 1000;
  for (int i = 0; i < 4; i++) {
    if (*keep[i] < 0) continue;
    int fd = fcntl(*keep[i], F_DUPFD_CLOEXEC, base + i);
    if (fd < 0) _exit(70);
    *keep[i] = fd;
  }
  syscall(SYS_close_range, 3, base - 1, 0);
  if (work.root >= 0 && (fchdir(work.root) != 0 || chroot(".") != 0)) _exit(70);
  work.run(&work);
  _exit(0);
}

void worker_start(struct stream *stream, const struct work *work) {
  static const struct stream_ops ops = {.data = stream_data, .drained = stream_drained, .closed = stream_closed};
  int in[2] = {-1, -1}, out[2] = {-1, -1};
  struct fault fault;
  pid_t pid = -1;
  if (pipe2(out, O_CLOEXEC) == 0 && (!work->takes_body || pipe2(in, O_CLOEXEC) == 0)) pid = fork();
  if (pid == 0) become_worker(*work, in[0], out[1]);
  close_fd(&in[0]);
  close_fd(&out[1]);
  if (pid < 0) {
    fail_errno(&fault, errno, "starting a worker");
    close_fd(&in[1]);
    close_fd(&out[0]);
    stream_reply_fault(stream, &fault);
    return;
  }
  struct worker *worker = must_calloc(1, sizeof *worker);
  *worker = (struct worker){.next = first, .stream = stream, .subject = work->subject, .pid = pid, .in = in[1], .out = out[0], .lingers = work->lingers};
  first = worker;
  worker->in_watch.fd = worker->out_watch.fd = -1;
  stream->ops = &ops;
  stream->owner = worker;
  fcntl(worker->out, F_SETFL, O_NONBLOCK);
  watch_start(&worker->out_watch, worker->out, EPOLLIN, on_out);
  if (worker->in >= 0) {
    fcntl(worker->in, F_SETFL, O_NONBLOCK);
    watch_start(&worker->in_watch, worker->in, 0, on_in);
  }
  give_input(worker);
}

bool worker_reaped(pid_t pid, int status) {
  for (struct worker *worker = first; worker; worker = worker->next) {
    if (worker->pid != pid || worker->reaped) continue;
    worker->reaped = true;
    worker->ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return true;
  }
  return false;
}

void workers_settle(void) {
  for (struct worker *worker = first, *next; worker; worker = next) {
    next = worker->next;
    if (worker->reaped) finish(worker);
    if (worker->reaped && !worker->stream) free_worker(worker);
  }
}

void workers_cancel(const void *subject) {
  for (struct worker *worker = first; worker; worker = worker->next) {
    struct stream *stream = worker->stream;
    if (worker->subject != subject || !stream) continue;
    bool begun = worker->begun;
    let_go(worker);
    struct fault fault;
    fail(&fault, "canceled", "what it works on is gone");
    if (begun) stream_reset(stream);
    else stream_reply_fault(stream, &fault);
  }
}

void workers_end(const void *subject) {
  workers_cancel(subject);
  for (struct worker *worker = first; worker; worker = worker->next)
    if (worker->subject == subject && !worker->reaped) kill(worker->pid, SIGKILL);
}

static void send_head(const struct work *work, uint32_t status, bool streams, json_t *body) {
  AUTO_FREE char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
  struct head head = {status, streams, text ? (uint32_t)strlen(text) : 0};
  if (!write_all(work->out, &head, sizeof head) || !write_all(work->out, text ? text : "", head.len)) _exit(71);
}

void worker_begin(const struct work *work, json_t *stat) { send_head(work, 200, true, stat); }

void worker_answer(const struct work *work, int status, json_t *body) {
  send_head(work, (uint32_t)status, false, body);
  _exit(0);
}

void worker_fault(const struct work *work, const struct fault *fault) {
  json_t *body = json_pack("{s:s, s:s}", "code", fault->code, "message", fault->message);
  if (!body) body = json_pack("{s:s, s:s}", "code", fault->code, "message", "the message is not UTF-8");
  if (fault->err) json_object_set_new(body, "errno", json_string(errno_name(fault->err)));
  worker_answer(work, status_of(fault->code), body);
}
