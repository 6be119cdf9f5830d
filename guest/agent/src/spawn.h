/*
 * Turns a plan into a process. All that can be known before is in the plan; the child only makes system calls.
 *
 * The child borrows the agent's memory until it executes (as vfork does), so nothing is copied and no page is dirtied
 * for it, and its failure is simply there to read. The agent stands still meanwhile, some milliseconds.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include "base.h"
#include "users.h"

#include <sys/resource.h>

struct limit {
  int resource;
  struct rlimit value;
};

struct spawn {
  char **args, **env; /* ended by NULL */
  const char *cwd;
  mode_t umask;
  struct identity identity;
  uint64_t capabilities;
  bool privileged, no_new_privileges, tty, init;
  struct limit *limits;
  size_t limits_count;
  int oom_score_adj;
  int in, out, err;
  int group; /* cgroup to be born in, or -1 */

  /* A container's first process: its own namespaces on top of the assembled root. */
  const char *root, *hostname, *domainname;
  char **masked, **read_only, **sysctls; /* sysctls: "net.x=1" */
  bool read_only_root;
  /* Any other: the namespaces of that process. */
  int join; /* pidfd, or -1 */
  /* A first process that shares the pod's processes: the pid namespace of that one. */
  int pid_namespace; /* descriptor, or -1 */

  /*
   * In a process with memory of its own, for which the agent doesn't stand still: it may have to wait for a share. It tells how
   * it went by `report`, which then is readable: a fault, or its end.
   */
  bool apart;
  /* There, before anything else. May be NULL. */
  bool (*prepare)(struct spawn *plan, struct fault *fault);
  const void *argument; /* for `prepare` */
  int keep;             /* a descriptor that `prepare` needs, or -1 */
  int report;

  /* Set by the child that failed. */
  const char *failed_step;
  const char *failed_at;
  int failed_errno;
};

enum spawned { SPAWN_WAITS, SPAWN_OK, SPAWN_FAILED };
/* What a process apart has reported; closes `report` once that is known. */
enum spawned spawn_outcome(int *report, struct fault *fault);

void spawn_init(void);
/* The pid, and a pidfd; or -1 and the fault, with nothing left behind. */
pid_t spawn(struct spawn *plan, int *pidfd, struct fault *fault);
/* What the agent's own binary does as PID 1 of a container with `init`. */
_Noreturn void container_init(char **args);

#endif
