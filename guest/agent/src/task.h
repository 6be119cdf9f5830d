/*
 * What the agent does on files that may have to wait for a share: in a child, so that the loop, which carries the share's
 * bytes, goes on.
 */
#ifndef TASK_H
#define TASK_H

#include "base.h"

#define TASK_KEEP_MAX 4

struct task_plan {
  const void *owner; /* whose work this is */
  int keep[TASK_KEEP_MAX]; /* the only descriptors that the child has; 0 where there are fewer */
  /* In the child, which shares mounts but no memory with the agent. */
  bool (*run)(void *argument, struct buf *result, struct fault *fault);
  /* In the agent, once the child is gone. */
  void (*done)(void *argument, bool ok, const struct buf *result, const struct fault *fault);
  void *argument;
};

bool task_start(const struct task_plan *plan, struct fault *fault);
/* Its `done` still comes. */
void tasks_kill(const void *owner);
bool task_pending(const void *owner);
bool task_reaped(pid_t pid, int status);
void tasks_settle(void);

#endif
