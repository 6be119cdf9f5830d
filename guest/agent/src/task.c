#include "task.h"

#include "loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

struct task {
  struct task *next;
  struct task_plan plan;
  pid_t pid;
  int out;
  struct watch watch;
  struct buf told; /* a head, then the result */
  bool reaped, ok;
};

struct head {
  bool ok;
  struct fault fault; /* `code` is a text of the program's, the same in both */
};

static struct task *first;

static void take(struct task *task) {
  while (task->out >= 0) {
    ssize_t got = RETRY(read(task->out, buf_room(&task->told, 4096), 4096));
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0) {
      buf_grew(&task->told, (size_t)got);
      continue;
    }
    watch_stop(&task->watch);
    close_fd(&task->out);
  }
}

static void on_out(struct watch *watch, uint32_t events) {
  (void)events;
  take(OWNER(watch, struct task, watch));
}

_Noreturn static void become_task(const struct task_plan *plan, int out) {
  struct head head = {.ok = false};
  struct buf result = {0};
  int keep[TASK_KEEP_MAX + 1] = {out};
  memcpy(keep + 1, plan->keep, sizeof plan->keep);
  close_all_but(keep, TASK_KEEP_MAX + 1);
  head.ok = plan->run(plan->argument, &result, &head.fault);
  if (!write_all(out, &head, sizeof head) || !write_all(out, buf_at(&result), result.len)) _exit(71);
  _exit(0);
}

bool task_start(const struct task_plan *plan, struct fault *fault) {
  int out[2] = {-1, -1};
  pid_t pid = pipe2(out, O_CLOEXEC) == 0 ? fork() : -1;
  if (pid == 0) become_task(plan, out[1]);
  close_fd(&out[1]);
  if (pid < 0) {
    fail_errno(fault, errno, "starting a worker");
    close_fd(&out[0]);
    return false;
  }
  struct task *task = must_calloc(1, sizeof *task);
  *task = (struct task){.next = first, .plan = *plan, .pid = pid, .out = out[0]};
  first = task;
  fcntl(task->out, F_SETFL, O_NONBLOCK);
  watch_start(&task->watch, task->out, EPOLLIN, on_out);
  return true;
}

void tasks_kill(const void *owner) {
  for (struct task *task = first; task; task = task->next)
    if (task->plan.owner == owner && !task->reaped) kill(task->pid, SIGKILL);
}

bool task_pending(const void *owner) {
  for (const struct task *task = first; task; task = task->next)
    if (task->plan.owner == owner) return true;
  return false;
}

bool task_reaped(pid_t pid, int status) {
  for (struct task *task = first; task; task = task->next) {
    if (task->pid != pid || task->reaped) continue;
    task->reaped = true;
    task->ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return true;
  }
  return false;
}

static void finish(struct task *task) {
  struct head head = {.ok = false};
  take(task);
  watch_stop(&task->watch);
  close_fd(&task->out);
  if (task->ok && task->told.len >= sizeof head) {
    memcpy(&head, buf_at(&task->told), sizeof head);
    buf_drop(&task->told, sizeof head);
  } else {
    fail(&head.fault, "canceled", "the worker in the guest was ended");
  }
  task->plan.done(task->plan.argument, head.ok, &task->told, &head.fault);
  buf_free(&task->told);
  free(task);
}

/* From the start each time: what `done` does may begin and end others. */
void tasks_settle(void) {
  for (struct task **at = &first; *at;) {
    struct task *task = *at;
    if (!task->reaped) {
      at = &task->next;
      continue;
    }
    *at = task->next;
    finish(task);
    at = &first;
  }
}
