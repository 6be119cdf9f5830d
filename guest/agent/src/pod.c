#include "pod.h"

#include "assemble.h"
#include "container.h"
#include "disks.h"
#include "mounts.h"
#include "net.h"
#include "query.h"
#include "shares.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGENT_VERSION 1
#define SCRUB_MIB_MAX 64

static json_t *pod;           /* the body of POST /v1/pod, NULL while there is none */
static char *hosts, *resolv;
static pid_t share_pid;
static int share_namespace = -1;
static bool deleting, owns_machine = true;
static size_t scrub_bytes;
static const struct stream_ops delete_ops;

void pod_owns_machine(bool owns) { owns_machine = owns; }
bool pod_is_set(void) { return pod != NULL && !deleting; }
static const char *text_of(const char *key) {
  const char *text = json_string_value(json_object_get(pod, key));
  return text ? text : "";
}
const char *pod_hostname(void) { return text_of("hostname"); }
const char *pod_domainname(void) { return text_of("domainname"); }
const char *pod_hosts(void) { return hosts ? hosts : ""; }
const char *pod_resolv(void) { return resolv ? resolv : ""; }

static size_t decode_base64(const char *text, uint8_t *into, size_t cap) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = 0;
  int held = 0;
  size_t len = 0;
  for (; *text && len < cap; text++) {
    const char *digit = strchr(digits, *text);
    if (!digit) continue;
    bits = bits << 6 | (uint32_t)(digit - digits);
    if ((held += 6) < 8) continue;
    held -= 8;
    into[len++] = (uint8_t)(bits >> held);
  }
  return len;
}

static bool set_clock(const json_t *body, struct fault *fault) {
  const char *text = json_string_value(json_object_get(body, "wallClockNs"));
  long long ns = text ? strtoll(text, NULL, 10) : 0;
  if (ns <= 0) return fail(fault, "invalid", "wallClockNs is needed");
  struct timespec now = {ns / 1000000000, ns % 1000000000};
  return !owns_machine || clock_settime(CLOCK_REALTIME, &now) == 0 || fail_errno(fault, errno, "setting the clock");
}

/* Credited and reseeded, not just mixed in: two clones of one template must not produce the same bytes even once. */
static bool reseed(const json_t *body, struct fault *fault) {
  struct { struct rand_pool_info info; uint8_t bytes[512]; } entropy;
  const char *text = json_string_value(json_object_get(body, "entropy"));
  size_t len = text ? decode_base64(text, entropy.bytes, sizeof entropy.bytes) : 0;
  if (len < 64) return fail(fault, "invalid", "at least 64 bytes of entropy are needed");
  memmove((uint8_t *)&entropy.info + sizeof entropy.info, entropy.bytes, len);
  entropy.info.entropy_count = (int)len * 8;
  entropy.info.buf_size = (int)len;
  AUTO_CLOSE int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &entropy) != 0 || ioctl(fd, RNDRESEEDCRNG) != 0)
    return fail_errno(fault, errno, "reseeding");
  return true;
}

static void append(char **text, const char *format, const char *a, const char *b) {
  char *more = must_printf("%s", *text);
  free(*text);
  char *line = must_printf(format, a, b);
  *text = must_printf("%s%s", more, line);
  free(line);
  free(more);
}

static void write_hosts(const json_t *body) {
  json_t *item;
  size_t i;
  free(hosts);
  hosts = must_strdup("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
                      "ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
  json_array_foreach(json_object_get(body, "hosts"), i, item) {
    const char *address = json_string_value(json_array_get(item, 0)), *name = json_string_value(json_array_get(item, 1));
    if (address && name) append(&hosts, "%s\t%s\n", address, name);
  }
}

static void write_resolv(const json_t *body) {
  static const struct { const char *key, *word; bool one_line; } parts[] = {
      {"servers", "nameserver", false}, {"search", "search", true}, {"options", "options", true}};
  json_t *settings = json_object_get(body, "resolv"), *item;
  size_t i;
  free(resolv);
  resolv = must_strdup("");
  for (size_t part = 0; part < 3; part++) {
    json_t *values = json_object_get(settings, parts[part].key);
    if (parts[part].one_line && json_array_size(values)) append(&resolv, "%s%s", parts[part].word, "");
    json_array_foreach(values, i, item) {
      const char *value = json_string_value(item);
      if (!value) continue;
      if (parts[part].one_line) append(&resolv, " %s%s", value, "");
      else append(&resolv, "%s %s\n", parts[part].word, value);
    }
    if (parts[part].one_line && json_array_size(values)) append(&resolv, "%s%s", "\n", "");
  }
}

static bool set_sysctls(const json_t *body, struct fault *fault) {
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(body, "sysctls"), name, value) {
    char path[300];
    if (!json_is_string(value) || strchr(name, '/') || strstr(name, "..") ||
        snprintf(path, sizeof path, "/proc/sys/%s", name) >= (int)sizeof path)
      return fail(fault, "invalid", "invalid sysctl: %s", name);
    for (char *c = path + 10; *c; c++)
      if (*c == '.') *c = '/';
    if (write_file(path, json_string_value(value)) != 0) return fail_errno(fault, errno, "setting sysctl %s", name);
  }
  return true;
}

static bool set_identity(const json_t *body, struct fault *fault) {
  const char *hostname = json_string_value(json_object_get(body, "hostname"));
  const char *machine_id = json_string_value(json_object_get(body, "machineId"));
  if (!hostname || !hostname[0] || strlen(hostname) > 64) return fail(fault, "invalid", "a hostname of at most 64 bytes is needed");
  if (sethostname(hostname, strlen(hostname)) != 0) return fail_errno(fault, errno, "setting the host name");
  if (machine_id) {
    int fd = open(RUN_DIR "/machine-id", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0 || !write_all(fd, machine_id, strlen(machine_id))) fail_errno(fault, errno, "machine-id");
    close_fd(&fd);
  }
  return true;
}

void pod_put(struct stream *stream, json_t *body) {
  struct fault fault;
  json_t *network = json_object_get(body, "network");
  if (pod) {
    fail(&fault, "conflict", deleting ? "the pod is being taken apart" : "this VM is a pod already");
    stream_reply_fault(stream, &fault);
    return;
  }
  bool ok = disks_flush(json_object_get(body, "disks"), &fault) && set_clock(body, &fault) && reseed(body, &fault) &&
            set_identity(body, &fault) &&
            (json_is_object(network) ? net_setup(network, &fault) : !owns_machine || net_hide(&fault)) && set_sysctls(body, &fault) &&
            disks_mount(json_object_get(body, "disks"), &fault);
  if (!ok) {
    shares_drop();
    disks_unmount(NULL);
    net_show();
    stream_reply_fault(stream, &fault);
    return;
  }
  write_hosts(body);
  write_resolv(body);
  pod = json_incref(body);
  stream_reply(stream, 201, json_object());
}

/* A container's own file, unless the container has written to it. */
static void rewrite(const struct container *container, const char *name, const char *before, const char *now) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", container->dir, name);
  size_t cap = strlen(before) + 2;
  AUTO_FREE char *present = must_calloc(1, cap);
  if (read_file_at(AT_FDCWD, path, present, cap) < 0 || strcmp(present, before) != 0) return;
  AUTO_CLOSE int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (fd >= 0) write_all(fd, now, strlen(now));
}

void pod_network(struct stream *stream, json_t *body) {
  struct fault fault;
  json_t *network = json_object_get(body, "network");
  bool ok = json_is_object(network) && json_is_object(json_object_get(pod, "network"))
                ? net_change(network, &fault)
                : fail(&fault, "conflict", "the pod has no interface");
  if (!ok) {
    stream_reply_fault(stream, &fault);
    return;
  }
  AUTO_FREE char *hosts_before = must_strdup(pod_hosts());
  AUTO_FREE char *resolv_before = must_strdup(pod_resolv());
  write_hosts(body);
  write_resolv(body);
  for (struct container *container = containers(); container; container = container->next) {
    rewrite(container, "hosts", hosts_before, hosts);
    rewrite(container, "resolv.conf", resolv_before, resolv);
  }
  json_object_set(pod, "network", network);
  stream_reply(stream, 200, json_object());
}

void pod_disks(struct stream *stream, json_t *body) {
  struct fault fault;
  bool ok = pod ? fail(&fault, "conflict", "this VM is a pod already")
                : disks_mount_early(json_object_get(body, "disks"), &fault);
  if (ok) stream_reply(stream, 200, json_object());
  else stream_reply_fault(stream, &fault);
}

void pod_clock(struct stream *stream, json_t *body) {
  struct fault fault;
  if (set_clock(body, &fault) && reseed(body, &fault)) stream_reply(stream, 200, json_object());
  else stream_reply_fault(stream, &fault);
}

void pod_info(struct stream *stream, json_t *body) {
  struct utsname kernel;
  (void)body;
  uname(&kernel);
  json_t *list = json_array();
  for (struct container *container = containers(); container; container = container->next)
    json_array_append_new(list, container_state(container));
  json_t *answer = json_pack("{s:i, s:s, s:o}", "agent", AGENT_VERSION, "kernel", kernel.release, "containers", list);
  if (pod) json_object_set_new(answer, "pod", json_pack("{s:s, s:s}", "hostname", pod_hostname(), "machineId", text_of("machineId")));
  if (pod) json_object_set_new(answer, "shares", shares_json());
  stream_reply(stream, 200, answer);
}

/* The init of the shared pid namespace: reaps, and lives until it is killed. */
static int share_init(void *unused) {
  (void)unused;
  sigset_t set;
  sigfillset(&set);
  for (;;) {
    sigwaitinfo(&set, NULL);
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
  }
  return 0;
}

int pod_pid_namespace(struct fault *fault) {
  if (share_namespace >= 0) return share_namespace;
  long pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) {
    close_all_but(NULL, 0);
    _exit(share_init(NULL));
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/ns/pid", pid);
  if (pid < 0 || (share_namespace = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
    fail_errno(fault, errno, "making the shared pid namespace");
    return -1;
  }
  share_pid = (pid_t)pid;
  return share_namespace;
}

/*
 * Free pages that code ran from are slow to take under emulation: what was translated of it is thrown away at the first
 * write. Taking as many pages as these and giving them back has that done now. Best effort.
 */
static void scrub_pages(size_t bytes) {
  void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (pages != MAP_FAILED) munmap(pages, bytes);
}

void pod_delete(struct stream *stream, json_t *body) {
  (void)body;
  unsigned long mib = 0;
  if (query_number(stream->query, "scrub", SCRUB_MIB_MAX, &mib)) scrub_bytes = mib << 20;
  stream->ops = &delete_ops;
  if (deleting) return;
  deleting = true;
  for (struct container *container = containers(); container; container = container->next) container_kill(container);
  shares_expect_end();
}

void pod_settle(void) {
  struct fault fault;
  if (!deleting || !containers_gone() || !shares_end()) return;
  deleting = false;
  if (share_pid > 0) kill(share_pid, SIGKILL);
  share_pid = 0;
  close_fd(&share_namespace);
  json_t *network = json_object_get(pod, "network");
  const char *interface = json_string_value(json_object_get(network, "interface"));
  if (json_is_object(network)) net_teardown(interface ? interface : "eth0");
  net_show();
  bool ok = disks_unmount(&fault);
  if (scrub_bytes) scrub_pages(scrub_bytes);
  scrub_bytes = 0;
  json_decref(pod);
  pod = NULL;
  for (struct stream *stream = h2_streams(); stream; stream = stream->next) {
    if (stream->ops != &delete_ops) continue;
    stream->ops = NULL;
    if (ok) stream_reply(stream, 200, json_object());
    else stream_reply_fault(stream, &fault);
  }
}
