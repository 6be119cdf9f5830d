/*
 * PID 1 of the VM: mounts what every pod needs, then serves the host until the VM ends.
 *
 * On the kernel's command line (or, in tests, as arguments): kraud.port=NAME or kraud.port=unix:PATH.
 */
#include "assemble.h"
#include "cgroup.h"
#include "container.h"
#include "exec.h"
#include "h2.h"
#include "loop.h"
#include "mounts.h"
#include "net.h"
#include "pod.h"
#include "port.h"
#include "shares.h"
#include "spawn.h"
#include "task.h"
#include "worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct watch child_watch;

static void must_mount(const char *type, const char *target, unsigned long flags, const char *options) {
  if (make_dirs(target) != 0 || mount(type, target, type, flags, options) != 0) die("mounting %s: %s", target, errno_text(errno));
}

/*
 * The kernel unpacks the initramfs into its root, which nothing can be pivoted away from. So a tmpfs becomes the
 * root, with only this binary in it.
 */
static void own_root(void) {
  must_mount("tmpfs", "/newroot", MS_NOSUID, "mode=755,size=32m");
  AUTO_CLOSE int from = open("/init", O_RDONLY | O_CLOEXEC);
  int to = open("/newroot/agent", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
  static char bytes[64 * 1024];
  for (ssize_t got; from >= 0 && (got = RETRY(read(from, bytes, sizeof bytes))) > 0;)
    if (!write_all(to, bytes, (size_t)got)) die("copying the agent: %s", errno_text(errno));
  close(to);
  unlink("/init"); /* frees its memory once this process has become the copy */
  if (chdir("/newroot") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    die("changing the root: %s", errno_text(errno));
}

static void boot(void) {
  must_mount("devtmpfs", "/dev", MS_NOSUID, "mode=755");
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  for (int fd = 0; console >= 0 && fd < 3; fd++) dup2(console, fd);
  if (console > 2) close(console);
}

static void become_copy(char **argv) {
  own_root();
  execv("/agent", argv);
  die("executing the copy: %s", errno_text(errno));
}

static void mount_system(void) {
  must_mount("devtmpfs", "/dev", MS_NOSUID, "mode=755");
  must_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* As in Docker's containers any user may listen on any port, and ping: the network is the pod's own. */
static void open_network(void) {
  if (write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0") != 0 ||
      write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647") != 0)
    die("opening the network to all users: %s", errno_text(errno));
}

static bool option(const char *text, const char *name, char *into, size_t cap) {
  size_t len = strlen(name);
  for (const char *at = text; (at = strstr(at, name)); at += len) {
    if (at != text && at[-1] != ' ') continue;
    size_t value = strcspn(at + len, " \n");
    if (value >= cap) return false;
    memcpy(into, at + len, value);
    into[value] = 0;
    return true;
  }
  return false;
}

static void reap(struct watch *watch, uint32_t events) {
  struct signalfd_siginfo info[16];
  (void)events;
  while (read(watch->fd, info, sizeof info) > 0) {}
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (!container_reaped(pid, status) && !exec_reaped(pid, status) && !task_reaped(pid, status) && !shares_reaped(pid, status))
      worker_reaped(pid, status);
}

static void before_wait(void) {
  tasks_settle();
  containers_settle();
  workers_settle();
  pod_settle();
  h2_pump();
}

int main(int argc, char **argv) {
  char where[128] = "kraud.agent", command_line[4096];
  if (argc > 1 && strcmp(argv[0], "kraud-init") == 0) container_init(argv + 1);
  bool test = argc > 1 && strncmp(argv[1], "kraud.port=", 11) == 0;
  pod_owns_machine(!test);
  umask(0);
  close_range(3, UINT_MAX, 0);
  if (test) {
    option(argv[1], "kraud.port=", where, sizeof where);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) die("private mounts: %s", errno_text(errno));
    must_mount("tmpfs", RUN_DIR, MS_NOSUID, "mode=755");
  } else if (getpid() != 1) {
    die("not PID 1: nothing to do");
  } else if (strcmp(argv[0], "/agent") != 0) {
    boot();
    argv[0] = (char *)"/agent";
    become_copy(argv);
  } else {
    mount_system();
    open_network();
    if (read_file_at(AT_FDCWD, "/proc/cmdline", command_line, sizeof command_line) > 0)
      option(command_line, "kraud.port=", where, sizeof where);
  }
  must_mount("cgroup2", RUN_DIR "/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  write_file("/proc/self/oom_score_adj", "-1000");

  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  int children_fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children_fd < 0) die("signalfd: %s", errno_text(errno));

  struct fault fault;
  if (!net_loopback(&fault)) die("%s", fault.message);

  loop_init();
  watch_start(&child_watch, children_fd, EPOLLIN, reap);
  spawn_init();
  cgroup_init(RUN_DIR "/cgroup");
  assemble_init();
  port_init(where);
  loop_run(before_wait);
}
