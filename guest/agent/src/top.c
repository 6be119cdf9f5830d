/* The processes of a container, with their pids as seen in it. */
#include "stats.h"

#include "cgroup.h"
#include "shares.h"
#include "task.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES_MAX 4096

static pid_t pids[PROCESSES_MAX], inner_pids[PROCESSES_MAX];

/* The last number of "NSpid:\t51\t7": the pid in the innermost namespace. */
static pid_t inner_pid(pid_t pid) {
  char path[32], text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  if (read_file_at(AT_FDCWD, path, text, sizeof text) <= 0) return 0;
  char *line = strstr(text, "\nNSpid:");
  if (!line) return 0;
  line++;
  line[strcspn(line, "\n")] = 0;
  char *tab = strrchr(line, '\t');
  return tab ? (pid_t)atoi(tab + 1) : 0;
}

static int64_t boot_time_s(void) {
  static char text[16 * 1024];
  if (read_file_at(AT_FDCWD, "/proc/stat", text, sizeof text) <= 0) return 0;
  char *line = strstr(text, "\nbtime ");
  return line ? atoll(line + 7) : 0;
}

static json_t *command_line(pid_t pid, const char *name) {
  char path[32], text[4096];
  snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
  ssize_t len = read_file_at(AT_FDCWD, path, text, sizeof text);
  if (len <= 0) snprintf(text, sizeof text, "[%s]", name);
  for (ssize_t i = 0; i < len; i++)
    if (text[i] == 0) text[i] = i == len - 1 ? 0 : ' ';
  json_t *args = json_string(text);
  if (args) return args;
  for (char *at = text; *at; at++)
    if ((unsigned char)*at >= 0x80) *at = '?';
  return json_string(text);
}

static json_t *process(pid_t pid, pid_t inner, size_t count, const char *passwd) {
  char path[32], text[1024], state, tty[16] = "?", user[64], start[24];
  struct stat owner;
  int ppid, tty_number;
  unsigned long long user_ticks, system_ticks, start_ticks, vsz;
  long long rss;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (read_file_at(AT_FDCWD, path, text, sizeof text) <= 0) return NULL;
  char *open_mark = strchr(text, '('), *end = strrchr(text, ')');
  if (!open_mark || !end ||
      sscanf(end + 1, " %c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %llu %lld", &state, &ppid,
             &tty_number, &user_ticks, &system_ticks, &start_ticks, &vsz, &rss) != 8)
    return NULL;
  *end = 0;
  snprintf(path, sizeof path, "/proc/%d", (int)pid);
  if (stat(path, &owner) != 0) return NULL;
  pid_t inner_parent = 0;
  for (size_t i = 0; i < count; i++)
    if (pids[i] == ppid) inner_parent = inner_pids[i];
  if (tty_number >> 8 == 136) snprintf(tty, sizeof tty, "pts/%d", tty_number & 0xff);
  long hz = sysconf(_SC_CLK_TCK);
  snprintf(start, sizeof start, "%lld", (long long)(boot_time_s() * 1000000000 + (int64_t)(start_ticks * (1000000000ull / (unsigned long)hz))));
  json_t *json = json_pack("{s:i, s:i, s:I, s:s#, s:s, s:I, s:s, s:I, s:I, s:o}", "pid", (int)inner, "ppid", (int)inner_parent, "uid",
                           (json_int_t)owner.st_uid, "state", &state, 1, "startNs", start, "cpuNs",
                           (json_int_t)((user_ticks + system_ticks) * (1000000000ull / (unsigned long)hz)), "tty", tty, "vszBytes",
                           (json_int_t)vsz, "rssBytes", (json_int_t)(rss * sysconf(_SC_PAGESIZE)), "args",
                           command_line(pid, open_mark + 1));
  if (json && user_name(passwd, owner.st_uid, user, sizeof user)) json_object_set_new(json, "user", json_string(user));
  return json;
}

static json_t *list_processes(const struct container *container) {
  json_t *list = json_array();
  AUTO_FREE char *passwd = account_file(container->root, "/etc/passwd");
  size_t count = cgroup_pids(container->group, pids, PROCESSES_MAX);
  for (size_t i = 0; i < count; i++) inner_pids[i] = inner_pid(pids[i]);
  for (size_t i = 0; i < count; i++) {
    json_t *one = process(pids[i], inner_pids[i], count, passwd);
    if (one) json_array_append_new(list, one);
  }
  return json_pack("{s:o}", "processes", list);
}

/* Reading a process' arguments waits for its memory, and that may wait for a share. */
struct asked {
  struct stream *stream; /* NULL once it has closed */
  const struct container *container;
};

static bool run(void *argument, struct buf *result, struct fault *fault) {
  const struct asked *asked = argument;
  json_t *answer = list_processes(asked->container);
  AUTO_FREE char *text = json_dumps(answer, JSON_COMPACT);
  (void)fault;
  buf_add(result, text, strlen(text));
  return true;
}

static void done(void *argument, bool ok, const struct buf *result, const struct fault *fault) {
  struct asked *asked = argument;
  if (asked->stream) asked->stream->ops = NULL;
  if (asked->stream && ok) stream_reply(asked->stream, 200, json_loadb((const char *)buf_at(result), result->len, 0, NULL));
  else if (asked->stream) stream_reply_fault(asked->stream, fault);
  free(asked);
}

static void stream_closed(struct stream *stream) { ((struct asked *)stream->owner)->stream = NULL; }

void top_get(struct stream *stream, struct container *container, json_t *body) {
  static const struct stream_ops ops = {.closed = stream_closed};
  struct fault fault;
  (void)body;
  if (!shares_any()) {
    stream_reply(stream, 200, list_processes(container));
    return;
  }
  struct asked *asked = must_calloc(1, sizeof *asked);
  *asked = (struct asked){stream, container};
  stream->ops = &ops;
  stream->owner = asked;
  struct task_plan plan = {.owner = container, .keep = {container->root, container->group}, .run = run, .done = done, .argument = asked};
  if (!task_start(&plan, &fault)) done(asked, false, NULL, &fault);
}
