#include "cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the containers together may not take, so that the agent can still answer. */
#define RESERVED_BYTES (10ll << 20)
#define PIDS_RESERVED 64

static int base_fd = -1;
static char mount_point[64];

const char *cgroup_mount_point(void) { return mount_point; }

static void limit_all(void) {
  char text[4096], value[32];
  const char *at = read_file_at(AT_FDCWD, "/proc/meminfo", text, sizeof text) > 0 ? strstr(text, "MemAvailable:") : NULL;
  if (at) {
    long long bytes = atoll(at + 13) * 1024 - RESERVED_BYTES;
    snprintf(value, sizeof value, "%lld", bytes > RESERVED_BYTES ? bytes : RESERVED_BYTES);
    write_file_at(base_fd, "memory.max", value);
  }
  /* The kernel's own limit grows with memory; a fork bomb may take all of it but what the agent's workers need. */
  if (read_file_at(AT_FDCWD, "/proc/sys/kernel/threads-max", text, sizeof text) > 0) {
    long threads = atol(text);
    if (read_file_at(AT_FDCWD, "/proc/sys/kernel/pid_max", value, sizeof value) > 0 && atol(value) < threads)
      threads = atol(value);
    snprintf(value, sizeof value, "%ld", threads > 2 * PIDS_RESERVED ? threads - PIDS_RESERVED : PIDS_RESERVED);
    write_file_at(base_fd, "pids.max", value);
  }
}

void cgroup_init(const char *where) {
  snprintf(mount_point, sizeof mount_point, "%s", where);
  AUTO_CLOSE int root = open(where, O_PATH | O_DIRECTORY | O_CLOEXEC);
  static const char *const controllers[] = {"+memory", "+pids", "+cpu", "+cpuset", "+io"};
  if (root < 0 || (mkdirat(root, "containers", 0755) != 0 && errno != EEXIST))
    die("cgroups: %s", errno_text(errno));
  base_fd = openat(root, "containers", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++) {
    write_file_at(root, "cgroup.subtree_control", controllers[i]);
    write_file_at(base_fd, "cgroup.subtree_control", controllers[i]);
  }
  limit_all();
}

int cgroup_make(const char *name, struct fault *fault) {
  if (mkdirat(base_fd, name, 0755) != 0 && errno != EEXIST) {
    fail_errno(fault, errno, "making the cgroup of %s", name);
    return -1;
  }
  int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_errno(fault, errno, "opening the cgroup of %s", name);
  return fd;
}

void cgroup_remove(const char *name) { unlinkat(base_fd, name, AT_REMOVEDIR); }

static bool set(int group, const char *file, const char *value, struct fault *fault) {
  if (write_file_at(group, file, value) == 0) return true;
  if (errno == ENOENT) return fail(fault, "unsupported", "this guest has no %s", file);
  return fail_errno(fault, errno, "setting %s to %s", file, value);
}

static bool set_number(int group, const char *file, int64_t value, struct fault *fault) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  return set(group, file, text, fault);
}

bool cgroup_limit(int group, const json_t *resources, struct fault *fault) {
  json_int_t memory = -1, swap = 0, quota = -1, period = 100000, shares = 0, pids = -1;
  const char *cpuset = "";
  int oom_kill_disable = 0, oom_score = 0;
  if (!resources || json_is_null(resources)) return true;
  if (json_unpack_ex((json_t *)resources, NULL, 0, "{s?I,s?I,s?I,s?I,s?I,s?I,s?s,s?b,s?i}", "memoryBytes", &memory,
                     "memorySwapBytes", &swap, "cpuQuotaUs", &quota, "cpuPeriodUs", &period, "cpuShares", &shares,
                     "pidsMax", &pids, "cpuset", &cpuset, "oomKillDisable", &oom_kill_disable, "oomScoreAdj", &oom_score))
    return fail(fault, "invalid", "resources: a value is of the wrong type");
  if (oom_kill_disable) return fail(fault, "unsupported", "oomKillDisable needs cgroup v1, which Kraud's guests don't have");
  char text[64];
  /* What was set may be unset by an update: 0 clears the limit, absence leaves it. */
  if (memory > 0 && !set_number(group, "memory.max", memory, fault)) return false;
  if (memory == 0) write_file_at(group, "memory.max", "max");
  if (swap > 0 && memory > 0 && swap >= memory) {
    snprintf(text, sizeof text, "%lld", (long long)(swap - memory));
    write_file_at(group, "memory.swap.max", text); /* a guest has no swap: nothing to limit if the file is missing */
  }
  if (quota > 0) {
    snprintf(text, sizeof text, "%lld %lld", (long long)quota, (long long)(period > 0 ? period : 100000));
    if (!set(group, "cpu.max", text, fault)) return false;
  } else if (quota == 0) {
    write_file_at(group, "cpu.max", "max");
  }
  if (shares > 0) {
    int64_t clamped = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    if (!set_number(group, "cpu.weight", 1 + (clamped - 2) * 9999 / 262142, fault)) return false;
  }
  if (cpuset[0] && !set(group, "cpuset.cpus", cpuset, fault)) return false;
  if (pids > 0 && !set_number(group, "pids.max", pids, fault)) return false;
  if (pids == 0) write_file_at(group, "pids.max", "max");
  return true;
}

bool cgroup_freeze(int group, bool frozen, struct fault *fault) { return set(group, "cgroup.freeze", frozen ? "1" : "0", fault); }

size_t cgroup_pids(int group, pid_t *pids, size_t cap) {
  AUTO_CLOSE int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  char text[4096];
  size_t count = 0, held = 0;
  for (ssize_t got; fd >= 0 && (got = RETRY(read(fd, text + held, sizeof text - held))) > 0;) {
    held += (size_t)got;
    size_t start = 0;
    for (size_t i = 0; i < held; i++) {
      if (text[i] != '\n') continue;
      if (count < cap) pids[count++] = (pid_t)atoi(text + start);
      start = i + 1;
    }
    memmove(text, text + start, held - start);
    held -= start;
  }
  return count;
}

int cgroup_signal(int group, int signal) {
  static pid_t pids[4096];
  size_t count = cgroup_pids(group, pids, sizeof pids / sizeof pids[0]);
  int result = count ? 0 : -1;
  for (size_t i = 0; i < count; i++)
    if (pids[i] > 0) kill(pids[i], signal);
  if (count == 0) errno = ESRCH;
  return result;
}

void cgroup_kill(int group) {
  if (write_file_at(group, "cgroup.kill", "1") != 0) cgroup_signal(group, SIGKILL);
}

int64_t cgroup_number(int group, const char *file, const char *key) {
  char text[8192];
  if (read_file_at(group, file, text, sizeof text) <= 0) return -1;
  if (!key) return text[0] >= '0' && text[0] <= '9' ? atoll(text) : -1;
  size_t len = strlen(key);
  for (char *at = text; at; at = strchr(at, '\n')) {
    if (*at == '\n') at++;
    if (strncmp(at, key, len) == 0 && at[len] == ' ') return atoll(at + len + 1);
  }
  return -1;
}

bool cgroup_oom_killed(int group) { return cgroup_number(group, "memory.events", "oom_kill") > 0; }
