#include "stats.h"

#include "cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void set(json_t *object, const char *key, int64_t value) { json_object_set_new(object, key, json_integer(value < 0 ? 0 : value)); }

static json_t *memory_stats(int group) {
  char text[8192];
  json_t *stats = json_object();
  if (read_file_at(group, "memory.stat", text, sizeof text) <= 0) return stats;
  char *state;
  for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
    char *space = strchr(line, ' ');
    if (!space) continue;
    *space = 0;
    json_object_set_new(stats, line, json_integer(atoll(space + 1)));
  }
  return stats;
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 …" per device, added up. */
static json_t *block_io(int group) {
  static const char *const from[] = {"rbytes=", "wbytes=", "rios=", "wios="};
  static const char *const to[] = {"readBytes", "writeBytes", "readOps", "writeOps"};
  char text[8192];
  json_t *io = json_object();
  bool readable = read_file_at(group, "io.stat", text, sizeof text) > 0;
  for (int i = 0; i < 4; i++) {
    int64_t sum = 0;
    for (char *at = readable ? text : NULL; at && (at = strstr(at, from[i])); at++)
      if (at == text || at[-1] == ' ') sum += atoll(at + strlen(from[i]));
    set(io, to[i], sum);
  }
  return io;
}

static json_t *network_interfaces(void) {
  char text[8192];
  json_t *list = json_array();
  if (read_file_at(AT_FDCWD, "/proc/net/dev", text, sizeof text) <= 0) return list;
  char *state;
  for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
    char name[32];
    long long rx[8], tx[8];
    if (sscanf(line, " %31[^:]: %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld", name, &rx[0], &rx[1], &rx[2], &rx[3],
               &rx[4], &rx[5], &rx[6], &rx[7], &tx[0], &tx[1], &tx[2], &tx[3]) != 13 ||
        strcmp(name, "lo") == 0 || strncmp(name, "dummy", 5) == 0)
      continue;
    json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name, "rxBytes", rx[0], "rxPackets",
                                          rx[1], "rxErrors", rx[2], "rxDropped", rx[3], "txBytes", tx[0], "txPackets", tx[1],
                                          "txErrors", tx[2], "txDropped", tx[3]));
  }
  return list;
}

/* The first line of /proc/stat: everything but waiting, in ticks. */
static int64_t system_cpu_ns(void) {
  char text[512];
  long long ticks[8] = {0}, sum = 0;
  if (read_file_at(AT_FDCWD, "/proc/stat", text, sizeof text) <= 0) return 0;
  sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5],
         &ticks[6], &ticks[7]);
  for (int i = 0; i < 7; i++) sum += ticks[i];
  return sum * (1000000000 / sysconf(_SC_CLK_TCK));
}

void stats_get(struct stream *stream, struct container *container, json_t *body) {
  int group = container->group;
  json_t *stats = json_object();
  (void)body;
  set(stats, "cpuNs", cgroup_number(group, "cpu.stat", "usage_usec") * 1000);
  set(stats, "cpuUserNs", cgroup_number(group, "cpu.stat", "user_usec") * 1000);
  set(stats, "cpuSystemNs", cgroup_number(group, "cpu.stat", "system_usec") * 1000);
  set(stats, "memoryBytes", cgroup_number(group, "memory.current", NULL));
  set(stats, "memoryMaxBytes", cgroup_number(group, "memory.max", NULL));
  json_object_set_new(stats, "memoryStats", memory_stats(group));
  set(stats, "pids", cgroup_number(group, "pids.current", NULL));
  set(stats, "pidsMax", cgroup_number(group, "pids.max", NULL));
  json_object_set_new(stats, "blkio", block_io(group));
  json_object_set_new(stats, "net", network_interfaces());
  set(stats, "onlineCpus", sysconf(_SC_NPROCESSORS_ONLN));
  set(stats, "systemCpuNs", system_cpu_ns());
  stream_reply(stream, 200, stats);
}
