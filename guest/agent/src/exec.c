#include "exec.h"

#include "config.h"
#include "shares.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct exec {
  struct exec *next;
  char *name;
  struct container *container;
  pid_t pid;
  bool running, ended, detached, finished; /* finished: the exit frame is out, or nobody waits for it */
  struct exit_report exit;
  struct stdio stdio;
  struct watch out_watch, err_watch, in_watch, report_watch;
  json_t *config; /* while it is starting: then `report_watch` waits for how that went */
  struct stream *stream;
  uint32_t stdin_left; /* of the stdin frame that is being written */
};

static struct exec *find(const struct container *container, const char *name) {
  for (struct exec *exec = container->execs; exec; exec = exec->next)
    if (strcmp(exec->name, name) == 0) return exec;
  return NULL;
}

static void free_exec(struct exec *exec) {
  for (struct exec **at = &exec->container->execs; *at; at = &(*at)->next)
    if (*at == exec) {
      *at = exec->next;
      break;
    }
  if (exec->stream) {
    struct stream *stream = exec->stream;
    stream->ops = NULL;
    struct fault fault;
    stream->in_ignored = true;
    if (!stream->replied) {
      fail(&fault, "conflict", "the container is not running");
      stream_reply_fault(stream, &fault);
    } else if (!stream->out_end) {
      stream_end(stream);
    }
  }
  watch_stop(&exec->in_watch);
  watch_stop(&exec->out_watch);
  watch_stop(&exec->err_watch);
  if (exec->report_watch.fd >= 0) {
    int report = exec->report_watch.fd;
    watch_stop(&exec->report_watch);
    close(report);
  }
  json_decref(exec->config);
  stdio_close(&exec->stdio);
  free(exec->name);
  free(exec);
}

static void close_end(struct watch *watch, int *fd) {
  watch_stop(watch);
  close_fd(fd);
}

static void maybe_finish(struct exec *exec) {
  if (exec->running || exec->finished || exec->stdio.out >= 0 || exec->stdio.err >= 0) return;
  exec->finished = true;
  if (!exec->stream) return;
  json_t *report = exit_json(&exec->exit, "");
  AUTO_FREE char *text = json_dumps(report, JSON_COMPACT);
  json_decref(report);
  stream_write_frame(exec->stream, FRAME_EXIT, text, strlen(text));
  stream_end(exec->stream);
}

/* As for a container, but straight to the stream: there is no log. */
static void take_output(struct exec *exec, struct watch *watch, int *fd, enum frame_kind kind) {
  static uint8_t bytes[16 * 1024];
  bool is_last = !exec->running && !exec->stdio.apart;
  while (*fd >= 0) {
    if (exec->stream && !stream_writable(exec->stream)) {
      watch_want(watch, 0);
      return;
    }
    ssize_t got = RETRY(read(*fd, bytes, sizeof bytes));
    if (got > 0) {
      if (exec->stream) stream_write_frame(exec->stream, kind, bytes, (size_t)got);
      if ((size_t)got < sizeof bytes && !is_last) {
        watch_want(watch, EPOLLIN);
        return;
      }
      continue;
    }
    if (got < 0 && errno == EAGAIN && !is_last) {
      watch_want(watch, EPOLLIN);
      return;
    }
    close_end(watch, fd);
  }
}

static void take_all(struct exec *exec) {
  take_output(exec, &exec->out_watch, &exec->stdio.out, FRAME_STDOUT);
  take_output(exec, &exec->err_watch, &exec->stdio.err, FRAME_STDERR);
  maybe_finish(exec);
}

static void on_out(struct watch *watch, uint32_t events) {
  (void)events;
  take_all(OWNER(watch, struct exec, out_watch));
}

static void on_err(struct watch *watch, uint32_t events) {
  (void)events;
  take_all(OWNER(watch, struct exec, err_watch));
}

/* Gives what came of stdin to the process; true if nothing is left to give now. */
static void give_input(struct exec *exec) {
  struct stream *stream = exec->stream;
  while (stream->in.len) {
    if (exec->stdin_left == 0) {
      if (stream->in.len < FRAME_HEADER_BYTES) break;
      const uint8_t *header = buf_at(&stream->in);
      uint32_t len = get_u32(header + 4);
      if (header[0] != FRAME_STDIN || header[1] || header[2] || header[3]) {
        stream_reset(stream);
        return;
      }
      stream_take(stream, FRAME_HEADER_BYTES);
      exec->stdin_left = len;
      if (len == 0 && !exec->stdio.tty) close_end(&exec->in_watch, &exec->stdio.in);
      continue;
    }
    size_t len = stream->in.len < exec->stdin_left ? stream->in.len : exec->stdin_left;
    ssize_t put = exec->stdio.in < 0 ? (ssize_t)len : RETRY(write(exec->stdio.in, buf_at(&stream->in), len));
    if (put < 0 && errno == EAGAIN) {
      watch_want(&exec->in_watch, EPOLLOUT);
      return;
    }
    if (put < 0) {
      close_end(&exec->in_watch, &exec->stdio.in);
      continue;
    }
    stream_take(stream, (size_t)put);
    exec->stdin_left -= (uint32_t)put;
  }
  watch_want(&exec->in_watch, 0);
  if (stream->in_end && !exec->stdio.tty) close_end(&exec->in_watch, &exec->stdio.in);
}

static void on_in(struct watch *watch, uint32_t events) {
  struct exec *exec = OWNER(watch, struct exec, in_watch);
  (void)events;
  if (exec->stream) give_input(exec);
  else watch_want(watch, 0);
}

static void stream_data(struct stream *stream) { give_input(stream->owner); }
static void stream_drained(struct stream *stream) { take_all(stream->owner); }

/* The far end of its pipes is gone: that is all the process gets to know, as with docker. */
static void stop_streams(struct exec *exec) {
  close_end(&exec->in_watch, &exec->stdio.in);
  close_end(&exec->out_watch, &exec->stdio.out);
  close_end(&exec->err_watch, &exec->stdio.err);
  close_fd(&exec->stdio.child_out);
}

static void stream_gone(struct stream *stream) {
  struct exec *exec = stream->owner;
  exec->stream = NULL;
  if (exec->detached || exec->config) return;
  stop_streams(exec);
}

static void forget_finished(struct container *container) {
  size_t finished = 0;
  for (struct exec *exec = container->execs, *next; exec; exec = next) {
    next = exec->next;
    if (!exec->running && !exec->config && exec->finished && !exec->stream && (!exec->detached || ++finished > FINISHED_EXECS_MAX))
      free_exec(exec);
  }
}

static const struct stream_ops run_ops = {.data = stream_data, .drained = stream_drained, .closed = stream_gone};

/* In the child: looking up the user reads files of the container's. */
static bool prepare(struct spawn *plan, struct fault *fault) {
  const struct exec *exec = plan->argument;
  const struct spawn given = *plan;
  if (!config_exec(plan, exec->config, exec->container, fault)) return false;
  plan->in = given.in;
  plan->out = given.out;
  plan->err = given.err;
  plan->join = given.join;
  return true;
}

static void on_report(struct watch *watch, uint32_t events);

static bool start(struct exec *exec, const json_t *config, struct fault *fault) {
  struct container *container = exec->container;
  struct spawn plan = {0};
  bool wants_stdin = json_is_true(json_object_get(config, "stdin")), tty = json_is_true(json_object_get(config, "tty"));
  json_t *rows = json_object_get(config, "rows"), *cols = json_object_get(config, "cols");
  int pidfd = -1;
  if (shares_any()) {
    plan = (struct spawn){.apart = true, .prepare = prepare, .argument = exec, .keep = container->root};
    exec->config = json_incref((json_t *)config);
  }
  bool ok = (plan.apart || config_exec(&plan, config, container, fault)) &&
            stdio_open(&exec->stdio, tty, wants_stdin, container->pts, json_is_integer(rows) ? (int)json_integer_value(rows) : 24,
                       json_is_integer(cols) ? (int)json_integer_value(cols) : 80, fault) &&
            (!plan.apart || stdio_apart(&exec->stdio, fault));
  if (ok) {
    plan.in = exec->stdio.child_in;
    plan.out = exec->stdio.child_out;
    plan.err = exec->stdio.child_err;
    plan.join = container->pidfd;
    plan.group = container->group;
    exec->pid = spawn(&plan, &pidfd, fault);
    ok = exec->pid > 0;
    close_fd(&pidfd);
  }
  config_free(&plan);
  if (!ok) return false;
  exec->running = true;
  if (plan.apart) watch_start(&exec->report_watch, plan.report, EPOLLIN, on_report);
  return true;
}

/* Its process runs what it is for. */
static void started(struct exec *exec, struct stream *stream) {
  stdio_started(&exec->stdio);
  if (exec->stdio.in >= 0) watch_start(&exec->in_watch, exec->stdio.in, 0, on_in);
  watch_start(&exec->out_watch, exec->stdio.out, EPOLLIN, on_out);
  if (exec->stdio.err >= 0) watch_start(&exec->err_watch, exec->stdio.err, EPOLLIN, on_err);
  exec->stream = NULL;
  if (!stream) return;
  stream->ops = NULL;
  if (exec->detached) {
    stream_reply(stream, 200, json_pack("{s:i}", "pid", (int)exec->pid));
    return;
  }
  exec->stream = stream;
  stream->ops = &run_ops;
  stream->owner = exec;
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)exec->pid);
  stream_begin(stream, 200, (const char *[]){"x-kraud-pid", pid, NULL});
  give_input(exec);
}

/* Of a process that was begun apart, as for a container. False if it never came to run, and is gone. */
static bool settle_start(struct exec *exec) {
  struct fault fault;
  struct stream *stream = exec->stream;
  int report = exec->report_watch.fd;
  watch_stop(&exec->report_watch);
  enum spawned outcome = spawn_outcome(&report, &fault);
  if (outcome == SPAWN_WAITS) {
    watch_start(&exec->report_watch, report, EPOLLIN, on_report);
    return true;
  }
  json_decref(exec->config);
  exec->config = NULL;
  if (outcome == SPAWN_OK) {
    started(exec, stream);
    if (!stream && !exec->detached) stop_streams(exec);
    return true;
  }
  exec->stream = NULL;
  if (stream) {
    stream->ops = NULL;
    stream_reply_fault(stream, &fault);
  }
  free_exec(exec);
  return false;
}

static void on_report(struct watch *watch, uint32_t events) {
  (void)events;
  settle_start(OWNER(watch, struct exec, report_watch));
}

/* The first line is JSON; what follows are stdin frames. */
static void first_line(struct stream *stream) {
  static const struct stream_ops starting_ops = {.closed = stream_gone};
  /* The container may have been removed while the line was on its way. */
  struct container *container = container_find(stream->names[0]);
  struct fault fault;
  const uint8_t *end = stream->in.len ? memchr(buf_at(&stream->in), '\n', stream->in.len) : NULL;
  if (!end && !stream->in_end && stream->in.len < WINDOW_BYTES / 2) return;
  json_t *config = end ? json_loadb((const char *)buf_at(&stream->in), (size_t)(end - buf_at(&stream->in)), JSON_REJECT_DUPLICATES, NULL) : NULL;
  const char *name = stream->names[1];
  stream->ops = NULL;
  bool ok = false;
  if (!json_is_object(config)) fail(&fault, "invalid", "the first line is not a JSON object");
  else if (!valid_name(name)) fail(&fault, "invalid", "invalid exec name");
  else if (!container) fail(&fault, "not-found", "no such container: %s", stream->names[0]);
  else if (container->state != STATE_RUNNING)
    fail(&fault, "conflict", container->state == STATE_PAUSED ? "the container is paused" : "the container is not running");
  else if (find(container, name)) fail(&fault, "exists", "the exec %s is there already", name);
  else ok = true;
  if (ok) {
    forget_finished(container);
    struct exec *exec = must_calloc(1, sizeof *exec);
    exec->name = must_strdup(name);
    exec->container = container;
    exec->in_watch.fd = exec->out_watch.fd = exec->err_watch.fd = exec->report_watch.fd = -1;
    stdio_none(&exec->stdio);
    exec->detached = json_is_true(json_object_get(config, "detach"));
    exec->next = container->execs;
    container->execs = exec;
    ok = start(exec, config, &fault);
    if (!ok) {
      free_exec(exec);
    } else {
      stream_take(stream, (size_t)(end - buf_at(&stream->in)) + 1);
      if (exec->config) {
        exec->stream = stream;
        stream->ops = &starting_ops;
        stream->owner = exec;
      } else {
        started(exec, stream);
      }
    }
  }
  json_decref(config);
  if (!ok) stream_reply_fault(stream, &fault);
}

void exec_run(struct stream *stream, struct container *container, json_t *body) {
  static const struct stream_ops ops = {.data = first_line};
  (void)body, (void)container;
  stream->ops = &ops;
  first_line(stream);
}

static struct exec *wanted(struct stream *stream, const struct container *container) {
  struct exec *exec = find(container, stream->names[1]);
  struct fault fault;
  if (exec) return exec;
  fail(&fault, "not-found", "no such exec: %s", stream->names[1]);
  stream_reply_fault(stream, &fault);
  return NULL;
}

void exec_get(struct stream *stream, struct container *container, json_t *body) {
  struct exec *exec = wanted(stream, container);
  (void)body;
  if (!exec) return;
  stream_reply(stream, 200, json_pack("{s:s, s:i, s:o}", "state", exec->running ? "running" : "exited", "pid", (int)exec->pid,
                                      "exit", exec->running ? json_null() : exit_json(&exec->exit, "")));
}

void exec_resize(struct stream *stream, struct container *container, json_t *body) {
  struct exec *exec = wanted(stream, container);
  struct fault fault;
  int rows = 0, cols = 0;
  if (!exec) return;
  if (json_unpack(body, "{s:i, s:i}", "rows", &rows, "cols", &cols) != 0) fail(&fault, "invalid", "rows and cols are needed");
  else if (stdio_resize(&exec->stdio, rows, cols, &fault)) {
    stream_reply(stream, 200, json_object());
    return;
  }
  stream_reply_fault(stream, &fault);
}

void exec_kill(struct stream *stream, struct container *container, json_t *body) {
  struct exec *exec = wanted(stream, container);
  struct fault fault;
  json_t *signal = json_object_get(body, "signal");
  if (!exec) return;
  if (!exec->running) fail(&fault, "conflict", "the process has ended");
  else if (!json_is_integer(signal)) fail(&fault, "invalid", "invalid signal");
  else if (kill(exec->pid, (int)json_integer_value(signal)) != 0) fail_errno(&fault, errno, "kill");
  else {
    stream_reply(stream, 200, json_object());
    return;
  }
  stream_reply_fault(stream, &fault);
}

bool exec_reaped(pid_t pid, int status) {
  for (struct container *container = containers(); container; container = container->next)
    for (struct exec *exec = container->execs; exec; exec = exec->next) {
      if (exec->pid != pid || !exec->running) continue;
      exec->exit = exit_of(status, -1);
      exec->running = false;
      exec->ended = true;
      return true;
    }
  return false;
}

void execs_settle(struct container *container) {
  for (struct exec *exec = container->execs, *next; exec; exec = next) {
    next = exec->next;
    if (!exec->ended) continue;
    if (exec->config && !settle_start(exec)) continue;
    exec->ended = false;
    stdio_drain(&exec->stdio);
    take_all(exec);
    close_fd(&exec->stdio.child_out);
  }
  forget_finished(container);
}

void execs_free(struct container *container) {
  while (container->execs) free_exec(container->execs);
}
