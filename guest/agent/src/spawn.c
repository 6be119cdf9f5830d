#include "spawn.h"

#include "names.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int self_binary = -1, own_pid_namespace = -1;

void spawn_init(void) {
  self_binary = open("/proc/self/exe", O_PATH | O_CLOEXEC);
  own_pid_namespace = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (self_binary < 0 || own_pid_namespace < 0) die("/proc/self: %s", errno_text(errno));
  capabilities_all();
}

static void explain(const struct spawn *plan, struct fault *fault) {
  int err = plan->failed_errno;
  if (strcmp(plan->failed_step, "look-up") == 0)
    fail(fault, "not-found", "exec: \"%s\": executable file not found in $PATH", plan->failed_at);
  else if (strcmp(plan->failed_step, "exec") == 0 && err == ENOENT)
    fail(fault, "not-found", "exec: \"%s\": stat %s: no such file or directory", plan->failed_at, plan->failed_at);
  else if (strcmp(plan->failed_step, "exec") == 0)
    fail_errno(fault, err, "exec: \"%s\"", plan->failed_at);
  else
    fail_errno(fault, err, "%s%s%s", plan->failed_step, plan->failed_at[0] ? " " : "", plan->failed_at);
  fault->err = err;
}

_Noreturn static void give_up(struct spawn *plan, const char *step, const char *at) {
  plan->failed_errno = errno;
  plan->failed_step = step;
  plan->failed_at = at;
  if (plan->apart) {
    struct fault fault = {0};
    explain(plan, &fault);
    write_all(plan->report, &fault, sizeof fault);
  }
  _exit(127);
}

/* What it still has of the agent's must not be held for as long as it may wait. */
static void stand_apart(struct spawn *plan) {
  struct fault fault = {0};
  int keep[] = {plan->in, plan->out, plan->err, plan->join, plan->report, plan->keep, self_binary};
  close_all_but(keep, sizeof keep / sizeof keep[0]);
  if (!plan->prepare || plan->prepare(plan, &fault)) return;
  write_all(plan->report, &fault, sizeof fault);
  _exit(127);
}

static void put(const char *path, const char *text, struct spawn *plan, const char *step) {
  if (write_file(path, text) != 0) give_up(plan, step, text);
}

static void mask(struct spawn *plan, const char *path) {
  if (mount("/dev/null", path, NULL, MS_BIND, NULL) == 0 || errno == ENOENT) return;
  if (errno != ENOTDIR || mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0") != 0) give_up(plan, "masking", path);
}

static void make_read_only(struct spawn *plan, const char *path) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0 && errno == ENOENT) return;
  if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0 ||
      move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0)
    give_up(plan, "making read-only", path);
  close(tree);
}

static void set_sysctls(struct spawn *plan) {
  for (char **sysctl = plan->sysctls; sysctl && *sysctl; sysctl++) {
    char path[300];
    size_t len = strcspn(*sysctl, "=");
    if (snprintf(path, sizeof path, "/proc/sys/%.*s", (int)len, *sysctl) >= (int)sizeof path) {
      errno = ENAMETOOLONG;
      give_up(plan, "setting sysctl", *sysctl);
    }
    for (char *c = path + 10; *c; c++)
      if (*c == '.') *c = '/';
    put(path, *sysctl + len + 1, plan, "setting sysctl");
  }
}

static void enter_root(struct spawn *plan) {
  if (chdir(plan->root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
    give_up(plan, "entering the root", plan->root);
  if (sethostname(plan->hostname, strlen(plan->hostname)) != 0) give_up(plan, "setting the host name", plan->hostname);
  if (plan->domainname[0] && setdomainname(plan->domainname, strlen(plan->domainname)) != 0)
    give_up(plan, "setting the domain name", plan->domainname);
  const unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  if (mount("proc", "/proc", "proc", flags, NULL) != 0) give_up(plan, "mounting", "/proc");
  set_sysctls(plan);
  if (mount("cgroup", "/sys/fs/cgroup", "cgroup2", flags | MS_RELATIME | (plan->privileged ? 0 : MS_RDONLY), NULL) != 0 &&
      errno != ENOENT)
    give_up(plan, "mounting", "/sys/fs/cgroup");
  if (mount("mqueue", "/dev/mqueue", "mqueue", flags, NULL) != 0 && errno != ENODEV)
    give_up(plan, "mounting", "/dev/mqueue");
  for (char **path = plan->read_only; path && *path; path++) make_read_only(plan, *path);
  for (char **path = plan->masked; path && *path; path++) mask(plan, *path);
}

static void join(struct spawn *plan) {
  if (setns(plan->join, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) != 0)
    give_up(plan, "joining the container", "");
}

/* Made with its parents where it is missing, as Docker does. */
static void enter_cwd(struct spawn *plan) {
  const char *cwd = plan->cwd[0] ? plan->cwd : "/";
  if (chdir(cwd) == 0) return;
  if (errno == ENOENT && plan->join < 0) {
    char part[PATH_MAX];
    if (strlen(cwd) >= sizeof part) give_up(plan, "chdir to cwd", cwd);
    for (size_t i = 1; cwd[i - 1]; i++) {
      if (cwd[i] && cwd[i] != '/') continue;
      memcpy(part, cwd, i);
      part[i] = 0;
      if (mkdir(part, 0755) != 0 && errno != EEXIST) give_up(plan, "chdir to cwd", cwd);
    }
  }
  if (chdir(cwd) != 0) give_up(plan, "chdir to cwd", cwd);
}

static void become(struct spawn *plan) {
  const struct identity *who = &plan->identity;
  uint64_t all = capabilities_all(), keep = plan->capabilities & all;
  for (int i = 0; i < 63 && all >> i; i++)
    if (!(keep >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0) give_up(plan, "dropping a capability", "");
  if (setgroups(who->groups_count, who->groups) != 0) give_up(plan, "setting groups", "");
  if (setresgid(who->gid, who->gid, who->gid) != 0) give_up(plan, "setting the group", "");
  if (who->uid && setresuid(who->uid, who->uid, who->uid) != 0) give_up(plan, "setting the user", "");
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}, {0}};
  if (who->uid == 0) {
    data[0].effective = data[0].permitted = (uint32_t)keep;
    data[1].effective = data[1].permitted = (uint32_t)(keep >> 32);
  }
  if (syscall(SYS_capset, &header, data) != 0) give_up(plan, "setting capabilities", "");
  if (plan->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(plan, "setting no_new_privs", "");
}

static void wire(struct spawn *plan) {
  uid_t uid = plan->identity.uid;
  if (plan->tty) {
    if (ioctl(plan->out, TIOCSCTTY, 0) != 0) give_up(plan, "taking the terminal", "");
    plan->in = plan->err = plan->out;
  }
  /* So that the user may open /dev/stdout again. */
  if (uid) {
    struct stat stat;
    int fds[] = {plan->in, plan->out, plan->err};
    for (int i = 0; i < 3; i++)
      if (fstat(fds[i], &stat) == 0 && (plan->tty || S_ISFIFO(stat.st_mode)) && fchown(fds[i], uid, (gid_t)-1) != 0)
        give_up(plan, "handing over the streams", "");
  }
  if (dup2(plan->in, 0) < 0 || dup2(plan->out, 1) < 0 || dup2(plan->err, 2) < 0) give_up(plan, "wiring the streams", "");
}

static const char *env_path(char **env) {
  for (; env && *env; env++)
    if (strncmp(*env, "PATH=", 5) == 0) return *env + 5;
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

_Noreturn static void execute(struct spawn *plan) {
  const char *name = plan->args[0];
  if (plan->init) {
    syscall(SYS_execveat, self_binary, "", plan->args, plan->env, AT_EMPTY_PATH);
    give_up(plan, "exec", name);
  }
  if (strchr(name, '/')) {
    execve(name, plan->args, plan->env);
    give_up(plan, "exec", name);
  }
  int denied = 0;
  for (const char *at = env_path(plan->env);;) {
    char path[PATH_MAX];
    size_t len = strcspn(at, ":");
    if (snprintf(path, sizeof path, "%.*s/%s", (int)len, len ? at : ".", name) < (int)sizeof path) {
      execve(path, plan->args, plan->env);
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) give_up(plan, "exec", name);
      if (errno == EACCES) denied = EACCES;
    }
    if (!at[len]) break;
    at += len + 1;
  }
  errno = denied ? denied : ENOENT;
  give_up(plan, denied ? "exec" : "look-up", name);
}

_Noreturn static __attribute__((noinline)) void child(struct spawn *plan) {
  char text[16];
  if (plan->apart) stand_apart(plan);
  snprintf(text, sizeof text, "%d", plan->oom_score_adj);
  put("/proc/self/oom_score_adj", text, plan, "setting oom_score_adj");
  setsid();
  if (plan->join >= 0) join(plan);
  else enter_root(plan);
  for (size_t i = 0; i < plan->limits_count; i++)
    if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &plan->limits[i].value) != 0)
      give_up(plan, "setting a limit", "");
  wire(plan);
  enter_cwd(plan);
  if (plan->read_only_root) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof attributes) != 0) give_up(plan, "making read-only", "/");
  }
  become(plan);
  umask(plan->umask);
  /* The agent's init keeps them blocked, so that none is lost before it can pass it on. */
  if (!plan->init) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
  }
  execute(plan);
}

/* Inline, as the child returns here first, on the same stack: only `child`, deeper down, may run on it. */
static inline __attribute__((always_inline)) long clone_borrowing(struct clone_args *args) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_clone3), "D"(args), "S"(sizeof *args)
                   : "rcx", "r11", "memory");
  return result;
}

static __attribute__((noinline)) long start(struct spawn *plan, struct clone_args *args) {
  long pid = clone_borrowing(args);
  if (pid == 0) child(plan);
  return pid;
}

pid_t spawn(struct spawn *plan, int *pidfd, struct fault *fault) {
  *pidfd = -1;
  plan->failed_step = NULL;
  plan->failed_errno = 0;
  int report[2] = {-1, -1};
  if (plan->apart && pipe2(report, O_CLOEXEC | O_NONBLOCK) != 0) {
    fail_errno(fault, errno, "opening a pipe");
    return -1;
  }
  plan->report = report[1];
  struct clone_args args = {
      .flags = (plan->apart ? 0 : CLONE_VM | CLONE_VFORK) | CLONE_PIDFD | (plan->group >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
      .cgroup = plan->group >= 0 ? (uint64_t)plan->group : 0,
  };
  int pid_namespace = plan->join >= 0 ? plan->join : plan->pid_namespace;
  if (plan->join < 0) {
    args.flags |= CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    if (plan->pid_namespace < 0) args.flags |= CLONE_NEWPID;
  }
  /* A process joins a pid namespace by being born into it, so the agent steps aside for that moment. */
  if (pid_namespace >= 0 && setns(pid_namespace, CLONE_NEWPID) != 0) {
    close_fd(&report[0]);
    close_fd(&report[1]);
    fail(fault, "conflict", "the container is not running");
    return -1;
  }
  long pid = start(plan, &args);
  close_fd(&report[1]);
  if (pid_namespace >= 0 && setns(own_pid_namespace, CLONE_NEWPID) != 0) die("setns: %s", errno_text(errno));
  plan->report = report[0];
  if (pid < 0) {
    close_fd(&plan->report);
    if (pid == -ENOMEM && pid_namespace >= 0) fail(fault, "conflict", "the container is not running");
    else fail_errno(fault, (int)-pid, "clone");
    return -1;
  }
  if (plan->failed_step) {
    RETRY(waitpid((pid_t)pid, NULL, 0));
    close_fd(pidfd);
    explain(plan, fault);
    return -1;
  }
  return (pid_t)pid;
}

enum spawned spawn_outcome(int *report, struct fault *fault) {
  ssize_t got = RETRY(read(*report, fault, sizeof *fault));
  if (got < 0 && errno == EAGAIN) return SPAWN_WAITS;
  close_fd(report);
  return got == sizeof *fault ? SPAWN_FAILED : SPAWN_OK;
}

static void forward(pid_t child_pid, int signal) {
  if (signal != SIGCHLD) kill(child_pid, signal);
}

void container_init(char **args) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &all, NULL);
  pid_t pid = fork();
  if (pid == 0) {
    /* As its own foreground group, so that the terminal's keys reach it and not the init. */
    setpgid(0, 0);
    tcsetpgrp(0, getpid());
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(args[0], args);
    fprintf(stderr, "exec %s failed: %s\n", args[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
  }
  if (pid < 0) die("fork: %s", errno_text(errno));
  for (;;) {
    int signal = sigwaitinfo(&all, NULL);
    if (signal > 0 && signal != SIGCHLD) forward(pid, signal);
    int status;
    for (pid_t ended; signal == SIGCHLD && (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == pid) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}
