/* What a share promises beside one writer at a time: locks against the keeper's own processes, and no stale reads. */
#include "base.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

int share_checks(const char *top, const char *where);

static int failures;
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      failures++;                                                                                                      \
      printf("%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, strerror(errno));                                     \
    }                                                                                                                  \
  } while (0)

static int open_in(const char *dir, const char *name, int flags) {
  AUTO_FREE char *path = must_printf("%s/%s", dir, name);
  return open(path, flags | O_CLOEXEC, 0666);
}

/* Of a process of its own, as one's own locks never stand in one's way: 0, or the errno. */
static int try_lock(const char *dir, const char *name, short type, off_t start, off_t len, int command) {
  pid_t pid = fork();
  if (pid == 0) {
    int fd = open_in(dir, name, O_RDWR);
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    _exit(fcntl(fd, command, &lock) == 0 ? 0 : errno);
  }
  int status;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

static int try_flock(const char *dir, const char *name, int how) {
  AUTO_CLOSE int fd = open_in(dir, name, O_RDWR);
  return flock(fd, how | LOCK_NB) == 0 ? 0 : errno;
}

static void on_alarm(int signal) { (void)signal; }

static void check_locks(const char *mine, const char *theirs) {
  int fd = open_in(mine, "locks", O_RDWR | O_CREAT);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
  CHECK(fcntl(fd, F_SETLK, &lock) == 0);
  CHECK(try_lock(theirs, "locks", F_RDLCK, 0, 10, F_SETLK) == 0);
  CHECK(try_lock(theirs, "locks", F_RDLCK, 19, 1, F_SETLK) == EAGAIN);
  CHECK(try_lock(mine, "locks", F_WRLCK, 19, 10, F_SETLK) == EAGAIN);
  lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 12, .l_len = 4};
  CHECK(fcntl(fd, F_SETLK, &lock) == 0);
  CHECK(try_lock(theirs, "locks", F_WRLCK, 12, 4, F_SETLK) == 0);
  CHECK(try_lock(theirs, "locks", F_WRLCK, 11, 1, F_SETLK) == EAGAIN);
  CHECK(try_lock(theirs, "locks", F_WRLCK, 16, 1, F_SETLK) == EAGAIN);
  /* Closing any descriptor of the file lets all go. */
  close(open_in(mine, "locks", O_RDONLY));
  int tries = 0;
  while (try_lock(theirs, "locks", F_WRLCK, 0, 0, F_SETLK) != 0 && ++tries < 1000) usleep(1000);
  CHECK(tries < 1000);

  /* One who waits gets it as soon as it is free, and can be told to give up. */
  int held = open_in(theirs, "locks", O_RDWR);
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK(fcntl(held, F_OFD_SETLK, &all) == 0);
  lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
  CHECK(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_start == 0 && lock.l_len == 0);
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
  ualarm(50000, 0);
  lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
  CHECK(fcntl(fd, F_SETLKW, &lock) == -1 && errno == EINTR);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(100000);
    _exit(0);
  }
  close(held);
  waitpid(pid, NULL, 0);
  CHECK(fcntl(fd, F_SETLKW, &lock) == 0);
  close(fd);

  fd = open_in(mine, "locks", O_RDWR);
  CHECK(flock(fd, LOCK_SH) == 0);
  CHECK(try_flock(theirs, "locks", LOCK_SH) == 0);
  CHECK(try_flock(theirs, "locks", LOCK_EX) == EWOULDBLOCK);
  CHECK(try_flock(mine, "locks", LOCK_EX) == EWOULDBLOCK);
  CHECK(try_lock(theirs, "locks", F_WRLCK, 0, 0, F_SETLK) == 0);
  close(fd);
  for (tries = 0; try_flock(theirs, "locks", LOCK_EX) != 0 && ++tries < 1000;) usleep(1000);
  CHECK(tries < 1000);
}

/* Many writes of one size within one tick of the clock: each read sees the write before it. */
static void check_fresh(const char *mine, const char *theirs) {
  int writer = open_in(theirs, "fresh", O_RDWR | O_CREAT), reader = open_in(mine, "fresh", O_RDONLY);
  for (int i = 0; i < 3000; i++) {
    int got = -1;
    CHECK(pwrite(writer, &i, sizeof i, 4096) == sizeof i);
    CHECK(pread(reader, &got, sizeof got, 4096) == sizeof got && got == i);
    if (failures > 5) break;
  }
  close(writer);
  /* A time set by hand is told as it is. */
  struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1700000000, .tv_nsec = 123456789}};
  struct stat stat;
  CHECK(futimens(reader, times) == 0 && fstat(reader, &stat) == 0 && stat.st_mtim.tv_nsec == 123456789);
  close(reader);
}

static void check_rights(const char *mine, const char *theirs) {
  AUTO_FREE char *dir = must_printf("%s/group", mine), *below = must_printf("%s/group/below", mine), *file = must_printf("%s/group/file", mine);
  AUTO_FREE char *closed = must_printf("%s/closed", mine);
  struct stat stat_of;
  CHECK(mkdir(dir, 0777) == 0 && chown(dir, 5, 50) == 0 && chmod(dir, 02777) == 0);
  CHECK(mkdir(closed, 0700) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    if (setgid(77) != 0 || setuid(78) != 0) _exit(1);
    umask(027);
    CHECK(mkdir(below, 0777) == 0);
    int fd = open(file, O_CREAT | O_EXCL | O_RDWR, 0666);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    CHECK(open_in(mine, "closed/file", O_CREAT | O_RDWR) < 0 && errno == EACCES);
    CHECK(chown(file, 0, 0) != 0 && errno == EPERM);
    _exit(failures != 0);
  }
  int status;
  waitpid(pid, &status, 0);
  CHECK(status == 0);
  AUTO_FREE char *real = must_printf("%s/group/file", theirs), *real_dir = must_printf("%s/group/below", theirs);
  CHECK(stat(real, &stat_of) == 0 && stat_of.st_uid == 78 && stat_of.st_gid == 50 && (stat_of.st_mode & 07777) == 0640);
  CHECK(stat(real_dir, &stat_of) == 0 && stat_of.st_uid == 78 && stat_of.st_gid == 50 && (stat_of.st_mode & 07777) == 02750);
  /* Who isn't root and writes takes set-user-id away. */
  CHECK(chmod(file, 04777) == 0);
  pid = fork();
  if (pid == 0) {
    if (setgid(79) != 0 || setuid(79) != 0) _exit(1);
    int fd = open(file, O_RDWR);
    _exit(fd < 0 || write(fd, "y", 1) != 1);
  }
  waitpid(pid, &status, 0);
  CHECK(status == 0 && stat(real, &stat_of) == 0 && (stat_of.st_mode & 07777) == 0777);

  /* An access list counts: user 79 may read, others may not. */
  static const struct { uint32_t version; struct { uint16_t tag, perm; uint32_t id; } entries[5]; } list = {
      2, {{1, 6, UINT32_MAX}, {2, 4, 79}, {4, 0, UINT32_MAX}, {16, 4, UINT32_MAX}, {32, 0, UINT32_MAX}}};
  CHECK(setxattr(file, "system.posix_acl_access", &list, sizeof list, 0) == 0);
  for (unsigned user = 79; user < 81; user++) {
    pid = fork();
    if (pid == 0) {
      if (setgid(79) != 0 || setuid(user) != 0) _exit(1);
      _exit(open(file, O_RDONLY) >= 0 ? 0 : errno);
    }
    waitpid(pid, &status, 0);
    CHECK(WEXITSTATUS(status) == (user == 79 ? 0 : EACCES));
  }
}

/* A file that lost its name lives for as long as it is open. */
static void check_nameless(const char *mine) {
  AUTO_FREE char *path = must_printf("%s/gone", mine), *back = must_printf("%s/back", mine);
  char text[8] = "";
  int fd = open(path, O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0 && unlink(path) == 0 && pwrite(fd, "still", 5, 0) == 5 && pread(fd, text, 8, 0) == 5 && strcmp(text, "still") == 0);
  close(fd);
  fd = open(mine, O_TMPFILE | O_RDWR, 0600);
  /* Kernels before 6.1 don't pass that on. */
  if (fd < 0 && errno == EOPNOTSUPP) return;
  AUTO_FREE char *self = must_printf("/proc/self/fd/%d", fd);
  CHECK(fd >= 0 && write(fd, "named", 5) == 5 && linkat(AT_FDCWD, self, AT_FDCWD, back, AT_SYMLINK_FOLLOW) == 0);
  close(fd);
}

static void check_append(const char *mine, const char *theirs) {
  int one = open_in(mine, "log", O_CREAT | O_WRONLY | O_APPEND), other = open_in(theirs, "log", O_WRONLY | O_APPEND);
  for (int i = 0; i < 100; i++) CHECK(write(one, "a\n", 2) == 2 && write(other, "b\n", 2) == 2);
  close(one);
  close(other);
  int fd = open_in(mine, "log", O_RDONLY);
  char text[500];
  ssize_t len = read(fd, text, sizeof text);
  CHECK(len == 400);
  for (ssize_t i = 0; i < len; i += 2) CHECK(text[i] == (i % 4 ? 'b' : 'a'));
  close(fd);
}

int share_checks(const char *top, const char *where) {
  check_locks(where, top);
  check_locks(top, where);
  check_fresh(where, top);
  check_rights(where, top);
  check_nameless(where);
  check_append(where, top);
  fflush(stdout);
  return failures != 0;
}
