#include "container.h"

#include "assemble.h"
#include "cgroup.h"
#include "config.h"
#include "exec.h"
#include "mounts.h"
#include "pod.h"
#include "router.h"
#include "shares.h"
#include "sockets.h"
#include "task.h"
#include "worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static struct container *first;
static const struct stream_ops wait_ops;
static void on_report(struct watch *watch, uint32_t events);

struct container *containers(void) { return first; }

struct container *container_find(const char *name) {
  for (struct container *container = first; container; container = container->next)
    if (strcmp(container->name, name) == 0) return container;
  return NULL;
}

const char *state_name(enum state state) {
  static const char *const names[] = {"created", "running", "paused", "exited"};
  return names[state];
}

json_t *exit_json(const struct exit_report *report, const char *error) {
  return json_pack("{s:i, s:i, s:b, s:s}", "code", report->code, "signal", report->signal, "oomKilled", report->oom_killed,
                   "error", error);
}

static json_t *ns_json(int64_t ns) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)ns);
  return json_string(text);
}

json_t *container_state(const struct container *container) {
  char offset[24];
  snprintf(offset, sizeof offset, "%llu", (unsigned long long)container->logs.end_offset);
  return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:s}", "name", container->name, "state", state_name(container->state), "pid",
                   (int)container->pid, "startedAtNs", ns_json(container->started_ns), "finishedAtNs",
                   ns_json(container->finished_ns), "exit",
                   container->state == STATE_EXITED ? exit_json(&container->exit, "") : json_null(), "logOffset", offset);
}

struct exit_report exit_of(int status, int group) {
  struct exit_report report = {0};
  if (WIFSIGNALED(status)) {
    report.signal = WTERMSIG(status);
    report.code = 128 + report.signal;
  } else {
    report.code = WEXITSTATUS(status);
  }
  report.oom_killed = group >= 0 && cgroup_oom_killed(group);
  return report;
}

static void unlink_container(struct container *container) {
  for (struct container **at = &first; *at; at = &(*at)->next)
    if (*at == container) {
      *at = container->next;
      return;
    }
}

static void free_container(struct container *container) {
  unlink_container(container);
  for (struct stream *stream = h2_streams(); stream; stream = stream->next)
    if (stream->ops == &wait_ops && stream->owner == container) {
      struct fault fault;
      fail(&fault, "not-found", "the container was removed");
      stream->ops = NULL;
      stream_reply_fault(stream, &fault);
    }
  execs_free(container);
  workers_cancel(container);
  sockets_free(container);
  container_io_free(container);
  if (container->root >= 0) assemble_undo(container);
  close_fd(&container->pidfd);
  if (container->group >= 0) {
    close_fd(&container->group);
    cgroup_remove(container->name);
  }
  config_free(&container->plan);
  json_decref(container->config);
  free(container->name);
  free(container->dir);
  free(container->root_path);
  free(container->upper_path);
  free(container->lower_path);
  free(container);
}

/* What may have to wait for a share. */
static bool set_up(void *argument, struct buf *result, struct fault *fault) {
  struct container *container = argument;
  struct spawn *plan = &container->plan;
  if (!assemble_mounts(container, fault) ||
      !config_identity(plan, container->config, container->root, plan->hostname, fault))
    return false;
  buf_add(result, &plan->identity, sizeof plan->identity);
  return true;
}

static void was_set_up(void *argument, bool ok, const struct buf *result, const struct fault *fault) {
  struct container *container = argument;
  const struct container *set = container;
  struct stream *stream = container->put_stream;
  if (stream) stream->ops = NULL;
  container->put_stream = NULL;
  container->busy = false;
  if (ok && result->len == sizeof container->plan.identity) {
    memcpy(&container->plan.identity, buf_at(result), result->len);
    config_environment(&container->plan, container->plan.hostname);
  }
  /* Without the one who asked, nobody would know of it. */
  if (!container->doomed && (!ok || !stream)) free_container(container);
  if (stream && ok) stream_reply(stream, 201, json_object());
  else if (stream) stream_reply_fault(stream, fault);
  router_unpark(set);
}

static void put_closed(struct stream *stream) {
  struct container *container = stream->owner;
  container->put_stream = NULL;
  tasks_kill(container);
}

static bool set_up_apart(struct stream *stream, struct container *container, struct fault *fault) {
  static const struct stream_ops ops = {.closed = put_closed};
  struct task_plan plan = {.owner = container, .keep = {container->root}, .run = set_up, .done = was_set_up, .argument = container};
  if (!task_start(&plan, fault)) return false;
  container->busy = true;
  container->put_stream = stream;
  stream->ops = &ops;
  stream->owner = container;
  return true;
}

void container_put(struct stream *stream, json_t *body) {
  struct fault fault;
  const char *name = stream->names[0];
  if (!valid_name(name)) fail(&fault, "invalid", "invalid container name");
  else if (container_find(name)) fail(&fault, "exists", "the container %s is there already", name);
  else {
    struct container *container = must_calloc(1, sizeof *container);
    container->name = must_strdup(name);
    container->dir = must_printf(RUN_DIR "/containers/%s", name);
    container->root_path = must_printf("%s/root", container->dir);
    container->config = json_incref(body);
    container->root = container->group = container->pts = container->pidfd = -1;
    container->report_watch.fd = -1;
    container->out_watch.fd = container->err_watch.fd = container->in_watch.fd = -1;
    stdio_none(&container->stdio);
    container->next = first;
    first = container;
    if (config_container(container, body, &fault) && (container->group = cgroup_make(name, &fault)) >= 0 &&
        cgroup_limit(container->group, json_object_get(body, "resources"), &fault) && assemble(container, &fault)) {
      if (shares_any() ? set_up_apart(stream, container, &fault) : assemble_mounts(container, &fault) &&
          config_identity(&container->plan, body, container->root, container->plan.hostname, &fault)) {
        if (!container->put_stream) stream_reply(stream, 201, json_object());
        return;
      }
    }
    free_container(container);
  }
  stream_reply_fault(stream, &fault);
}

void container_get(struct stream *stream, struct container *container, json_t *body) {
  (void)body;
  stream_reply(stream, 200, container_state(container));
}

static void started(struct container *container, struct stream *stream) {
  if (!container->ended) container->state = STATE_RUNNING;
  stdio_started(&container->stdio);
  container_io_start(container);
  if (stream)
    stream_reply(stream, 200, json_pack("{s:i, s:o}", "pid", (int)container->pid, "startedAtNs", ns_json(container->started_ns)));
}

/* A process that was begun apart runs now what it is for, or never will. */
static void settle_start(struct container *container) {
  struct fault fault;
  struct stream *stream = container->start_stream;
  int report = container->report_watch.fd;
  watch_stop(&container->report_watch);
  enum spawned outcome = spawn_outcome(&report, &fault);
  if (outcome == SPAWN_WAITS) {
    watch_start(&container->report_watch, report, EPOLLIN, on_report);
    return;
  }
  container->plan.report = -1;
  container->starting = container->busy = false;
  container->start_stream = NULL;
  if (stream) stream->ops = NULL;
  if (outcome == SPAWN_OK) {
    started(container, stream);
  } else {
    container->state = STATE_CREATED;
    container->ended = false;
    container->pid = 0;
    container->started_ns = container->finished_ns = 0;
    close_fd(&container->pidfd);
    if (stream) stream_reply_fault(stream, &fault);
  }
  router_unpark(container);
}

static void on_report(struct watch *watch, uint32_t events) {
  (void)events;
  settle_start(OWNER(watch, struct container, report_watch));
}

static void start_closed(struct stream *stream) { ((struct container *)stream->owner)->start_stream = NULL; }

void container_start(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  struct spawn *plan = &container->plan;
  (void)body;
  if (container->state != STATE_CREATED) {
    fail(&fault, container->state == STATE_EXITED ? "conflict" : "unchanged", "the container is %s", state_name(container->state));
    stream_reply_fault(stream, &fault);
    return;
  }
  plan->in = container->stdio.child_in;
  plan->out = container->stdio.child_out;
  plan->err = container->stdio.child_err;
  plan->group = container->group;
  plan->root = container->root_path;
  plan->apart = shares_any();
  if (container->share_processes && (plan->pid_namespace = pod_pid_namespace(&fault)) < 0) {
    stream_reply_fault(stream, &fault);
    return;
  }
  pid_t pid = spawn(plan, &container->pidfd, &fault);
  if (pid < 0) {
    stream_reply_fault(stream, &fault);
    return;
  }
  container->pid = pid;
  container->started_ns = wall_ns();
  if (!plan->apart) {
    started(container, stream);
    return;
  }
  static const struct stream_ops ops = {.closed = start_closed};
  container->busy = container->starting = true;
  container->start_stream = stream;
  stream->ops = &ops;
  stream->owner = container;
  watch_start(&container->report_watch, plan->report, EPOLLIN, on_report);
}

void container_wait(struct stream *stream, struct container *container, json_t *body) {
  (void)body;
  if (container->state == STATE_EXITED) {
    stream_reply(stream, 200, exit_json(&container->exit, ""));
    return;
  }
  stream->ops = &wait_ops;
  stream->owner = container;
}

static bool running(struct stream *stream, const struct container *container) {
  if (container->state == STATE_RUNNING || container->state == STATE_PAUSED) return true;
  struct fault fault;
  fail(&fault, "conflict", "the container is not running");
  stream_reply_fault(stream, &fault);
  return false;
}

static void reply_done(struct stream *stream, bool ok, const struct fault *fault) {
  if (ok) stream_reply(stream, 200, json_object());
  else stream_reply_fault(stream, fault);
}

void container_signal(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  json_t *signal = json_object_get(body, "signal");
  int number = (int)json_integer_value(signal);
  if (!running(stream, container)) return;
  if (!json_is_integer(signal) || number < 1 || number > SIGRTMAX) {
    fail(&fault, "invalid", "invalid signal");
    stream_reply_fault(stream, &fault);
    return;
  }
  int result = json_is_true(json_object_get(body, "all")) ? cgroup_signal(container->group, number) : kill(container->pid, number);
  reply_done(stream, result == 0 || fail_errno(&fault, errno, "kill"), &fault);
}

void container_resize(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  int rows = 0, cols = 0;
  bool ok = json_unpack(body, "{s:i, s:i}", "rows", &rows, "cols", &cols) == 0 || fail(&fault, "invalid", "rows and cols are needed");
  reply_done(stream, ok && stdio_resize(&container->stdio, rows, cols, &fault), &fault);
}

static void set_paused(struct stream *stream, struct container *container, bool paused) {
  struct fault fault;
  if (!running(stream, container)) return;
  if ((container->state == STATE_PAUSED) == paused) {
    fail(&fault, "unchanged", paused ? "the container is already paused" : "the container is not paused");
    stream_reply_fault(stream, &fault);
    return;
  }
  bool ok = cgroup_freeze(container->group, paused, &fault);
  if (ok) container->state = paused ? STATE_PAUSED : STATE_RUNNING;
  reply_done(stream, ok, &fault);
}

void container_pause(struct stream *stream, struct container *container, json_t *body) {
  (void)body;
  set_paused(stream, container, true);
}

void container_resume(struct stream *stream, struct container *container, json_t *body) {
  (void)body;
  set_paused(stream, container, false);
}

void container_update(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  reply_done(stream, cgroup_limit(container->group, json_object_get(body, "resources"), &fault), &fault);
}

void container_kill(struct container *container) {
  container->doomed = true;
  tasks_kill(container);
  if (container->pid > 0 && container->state != STATE_EXITED) {
    cgroup_kill(container->group);
    kill(container->pid, SIGKILL);
  }
}

static void delete_closed(struct stream *stream) {
  struct container *container = stream->owner;
  if (container->delete_stream == stream) container->delete_stream = NULL;
}

void container_delete(struct stream *stream, struct container *container, json_t *body) {
  static const struct stream_ops ops = {.closed = delete_closed};
  (void)body;
  container_kill(container);
  container->busy = true;
  container->delete_stream = stream;
  stream->ops = &ops;
  stream->owner = container;
}

bool container_reaped(pid_t pid, int status) {
  for (struct container *container = first; container; container = container->next) {
    if (container->pid != pid || container->state == STATE_EXITED) continue;
    container->exit = exit_of(status, container->group);
    container->finished_ns = wall_ns();
    container->state = STATE_EXITED;
    container->ended = true;
    return true;
  }
  return false;
}

static void settle_exit(struct container *container) {
  container->ended = false;
  /* With a pid namespace of its own all else is dead already; in a shared one stragglers may live. */
  if (container->share_processes) cgroup_kill(container->group);
  stdio_started(&container->stdio);
  container_io_finish(container);
  close_fd(&container->stdio.child_out);
  for (struct stream *stream = h2_streams(); stream; stream = stream->next)
    if (stream->ops == &wait_ops && stream->owner == container) {
      stream->ops = NULL;
      stream_reply(stream, 200, exit_json(&container->exit, ""));
    }
}

static void settle_removal(struct container *container) {
  struct stream *stream = container->delete_stream;
  if (stream) stream->ops = NULL;
  const struct container *gone = container;
  free_container(container);
  if (stream) stream_reply(stream, 200, json_object());
  router_unpark(gone);
}

void containers_settle(void) {
  for (struct container *container = first, *next; container; container = next) {
    next = container->next;
    if (container->ended && container->starting) settle_start(container);
    if (container->ended) settle_exit(container);
    execs_settle(container);
    if (container->doomed && !container->starting && !task_pending(container) && (container->state == STATE_CREATED || container->state == STATE_EXITED)) settle_removal(container);
  }
}

bool containers_gone(void) { return first == NULL; }
