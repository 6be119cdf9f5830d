/* cgroup v2: one group per container below `containers`, which as a whole leaves the agent room to live. */
#ifndef CGROUP_H
#define CGROUP_H

#include "base.h"

#include <jansson.h>

void cgroup_init(const char *mount_point);
const char *cgroup_mount_point(void);
/* A directory descriptor of the container's new group, or -1. */
int cgroup_make(const char *name, struct fault *fault);
void cgroup_remove(const char *name);
/* `resources` of the protocol. 0 means no limit; a limit that the kernel doesn't offer is a fault. */
bool cgroup_limit(int group, const json_t *resources, struct fault *fault);
bool cgroup_freeze(int group, bool frozen, struct fault *fault);
void cgroup_kill(int group);
int cgroup_signal(int group, int signal);
bool cgroup_oom_killed(int group);
/* Fills pids of at most `cap` processes. */
size_t cgroup_pids(int group, pid_t *pids, size_t cap);
/* A key of a flat keyed file, or the only number of a file when key is NULL; -1 if there is none ("max" too). */
int64_t cgroup_number(int group, const char *file, const char *key);

#endif
