#include "copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct seen {
  struct seen *next;
  dev_t dev;
  ino_t ino;
  char *path; /* below the top of the copy */
};

struct copy {
  int to_top;
  struct seen *seen;
  struct fault *fault;
};

static DIR *open_dir(int at, const char *name) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (fd >= 0 && !dir) close(fd);
  return dir;
}

static bool dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* Opaque marks and the like are the overlay's own business, and unreadable here anyway. */
static void copy_xattrs(int from, int to) {
  char names[4096], value[65536];
  ssize_t len = flistxattr(from, names, sizeof names);
  for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
    ssize_t got = fgetxattr(from, names + at, value, sizeof value);
    if (got >= 0 && strncmp(names + at, "trusted.overlay.", 16) != 0) fsetxattr(to, names + at, value, (size_t)got, 0);
  }
}

static bool finish(int at, const char *name, const struct stat *stat) {
  struct timespec times[2] = {stat->st_atim, stat->st_mtim};
  if (fchownat(at, name, stat->st_uid, stat->st_gid, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (!S_ISLNK(stat->st_mode) && fchmodat(at, name, stat->st_mode & 07777, 0) != 0) return false;
  return utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool copy_file(int from_dir, int to_dir, const char *name, const struct stat *stat) {
  AUTO_CLOSE int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  AUTO_CLOSE int to = openat(to_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (from < 0 || to < 0) return false;
  for (off_t left = stat->st_size; left > 0;) {
    ssize_t put = RETRY(sendfile(to, from, NULL, left > (1 << 20) ? (1 << 20) : (size_t)left));
    if (put < 0) return false;
    if (put == 0) break;
    left -= put;
  }
  copy_xattrs(from, to);
  return true;
}

static bool copy_entry(struct copy *copy, int from_dir, int to_dir, const char *name, const char *path);

static bool copy_children(struct copy *copy, DIR *from, int to, const char *path) {
  for (struct dirent *entry; (entry = readdir(from));) {
    if (dots(entry->d_name)) continue;
    AUTO_FREE char *below = must_printf("%s%s%s", path, path[0] ? "/" : "", entry->d_name);
    if (!copy_entry(copy, dirfd(from), to, entry->d_name, below)) return false;
  }
  return true;
}

static bool copy_dir(struct copy *copy, int from_dir, int to_dir, const char *name, const char *path) {
  if (mkdirat(to_dir, name, 0700) != 0 && errno != EEXIST) return false;
  DIR *from = open_dir(from_dir, name);
  AUTO_CLOSE int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  bool ok = from && to >= 0 && copy_children(copy, from, to, path);
  if (ok) copy_xattrs(dirfd(from), to);
  if (from) closedir(from);
  return ok;
}

static bool copy_link(int from_dir, int to_dir, const char *name) {
  char target[4096];
  ssize_t len = readlinkat(from_dir, name, target, sizeof target - 1);
  if (len < 0) return false;
  target[len] = 0;
  return symlinkat(target, to_dir, name) == 0;
}

static bool copy_entry(struct copy *copy, int from_dir, int to_dir, const char *name, const char *path) {
  struct stat stat;
  if (fstatat(from_dir, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return fail_errno(copy->fault, errno, "copying %s", path);
  if (stat.st_nlink > 1 && !S_ISDIR(stat.st_mode)) {
    for (struct seen *seen = copy->seen; seen; seen = seen->next)
      if (seen->ino == stat.st_ino && seen->dev == stat.st_dev)
        return linkat(copy->to_top, seen->path, to_dir, name, 0) == 0 || fail_errno(copy->fault, errno, "linking %s", path);
    struct seen *seen = must_calloc(1, sizeof *seen);
    *seen = (struct seen){copy->seen, stat.st_dev, stat.st_ino, must_strdup(path)};
    copy->seen = seen;
  }
  bool ok;
  if (S_ISDIR(stat.st_mode)) ok = copy_dir(copy, from_dir, to_dir, name, path);
  else if (S_ISREG(stat.st_mode)) ok = copy_file(from_dir, to_dir, name, &stat);
  else if (S_ISLNK(stat.st_mode)) ok = copy_link(from_dir, to_dir, name);
  else ok = mknodat(to_dir, name, stat.st_mode, stat.st_rdev) == 0;
  if (!ok && copy->fault->message[0]) return false;
  if (!ok || !finish(to_dir, name, &stat)) return fail_errno(copy->fault, errno, "copying %s", path);
  return true;
}

static bool is_empty(int dir_fd) {
  DIR *dir = open_dir(dir_fd, ".");
  bool empty = dir != NULL;
  for (struct dirent *entry; empty && (entry = readdir(dir));) empty = dots(entry->d_name) || strcmp(entry->d_name, "lost+found") == 0;
  if (dir) closedir(dir);
  return empty;
}

bool copy_up(int from, int to, struct fault *fault) {
  struct stat stat;
  if (!is_empty(to)) return true;
  DIR *source = open_dir(from, ".");
  AUTO_CLOSE int top = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct copy copy = {.to_top = top, .fault = fault};
  fault->message[0] = 0;
  bool ok = source && top >= 0 && fstat(dirfd(source), &stat) == 0;
  if (!ok) fail_errno(fault, errno, "copying into the volume");
  ok = ok && copy_children(&copy, source, top, "");
  if (ok && (fchown(top, stat.st_uid, stat.st_gid) != 0 || fchmod(top, stat.st_mode & 07777) != 0))
    ok = fail_errno(fault, errno, "copying into the volume");
  if (source) closedir(source);
  for (struct seen *seen = copy.seen, *next; seen; seen = next) {
    next = seen->next;
    free(seen->path);
    free(seen);
  }
  return ok;
}
