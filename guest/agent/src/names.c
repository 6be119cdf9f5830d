#include "names.h"

#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const char *const capabilities[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
};

int capability_number(const char *name) {
  if (strncasecmp(name, "CAP_", 4) == 0) name += 4;
  for (int i = 0; i < (int)(sizeof capabilities / sizeof capabilities[0]); i++)
    if (strcasecmp(capabilities[i], name) == 0) return i;
  return -1;
}

uint64_t capabilities_all(void) {
  static uint64_t all;
  if (all) return all;
  for (int i = 0, has; i < 63 && (has = prctl(PR_CAPBSET_READ, i, 0, 0, 0)) >= 0; i++)
    if (has) all |= UINT64_C(1) << i;
  return all;
}

int rlimit_number(const char *name) {
  static const struct { const char *name; int number; } table[] = {
      {"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
      {"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
      {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO},
      {"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK}, {"as", RLIMIT_AS},
  };
  for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
    if (strcasecmp(table[i].name, name) == 0) return table[i].number;
  return -1;
}
