#include "mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40

int open_in_root(int root, const char *path, int flags) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/*
 * Takes `path` apart from the front: `done` is what is known to be a real directory, `rest` what is still to go. A
 * link's text goes in front of `rest`. Nothing else changes the tree meanwhile: the container does not run yet.
 */
static int walk(int root, const char *path, bool make_file) {
  char done[PATH_MAX] = ".", rest[PATH_MAX], next[PATH_MAX], link[PATH_MAX];
  int links = 0;
  if (strlen(path) >= sizeof rest) return errno = ENAMETOOLONG, -1;
  strcpy(rest, path);
  for (char *at = rest;;) {
    while (*at == '/') at++;
    if (!*at) break;
    size_t len = strcspn(at, "/");
    char name[256];
    if (len >= sizeof name) return errno = ENAMETOOLONG, -1;
    memcpy(name, at, len);
    name[len] = 0;
    at += len;
    if (strcmp(name, ".") == 0) continue;
    if (strcmp(name, "..") == 0) {
      char *slash = strrchr(done, '/');
      if (slash) *slash = 0;
      continue;
    }
    bool last = at[strspn(at, "/")] == 0;
    if (snprintf(next, sizeof next, "%s/%s", done, name) >= (int)sizeof next) return errno = ENAMETOOLONG, -1;
    struct stat stat;
    if (fstatat(root, next, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) return -1;
      if (last && make_file) {
        AUTO_CLOSE int fd = openat(root, next, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0) return -1;
        return openat(root, next, O_PATH | O_CLOEXEC | O_NOFOLLOW);
      }
      if (mkdirat(root, next, 0755) != 0) return -1;
    } else if (S_ISLNK(stat.st_mode)) {
      if (++links > LINKS_MAX) return errno = ELOOP, -1;
      ssize_t got = readlinkat(root, next, link, sizeof link - 1);
      if (got < 0) return -1;
      link[got] = 0;
      if (link[0] == '/') strcpy(done, ".");
      char joined[PATH_MAX];
      if (snprintf(joined, sizeof joined, "%s/%s", link, at) >= (int)sizeof joined) return errno = ENAMETOOLONG, -1;
      strcpy(rest, joined);
      at = rest;
      continue;
    } else if (last && make_file) {
      if (S_ISDIR(stat.st_mode)) return errno = EISDIR, -1;
      return openat(root, next, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    } else if (!S_ISDIR(stat.st_mode)) {
      return errno = ENOTDIR, -1;
    }
    strcpy(done, next);
  }
  if (make_file) return errno = EISDIR, -1;
  return openat(root, done, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int make_dir_in_root(int root, const char *path) {
  int fd = open_in_root(root, path, O_PATH | O_DIRECTORY);
  return fd >= 0 || errno != ENOENT ? fd : walk(root, path, false);
}

int make_file_in_root(int root, const char *path) {
  int fd = open_in_root(root, path, O_PATH);
  return fd >= 0 || errno != ENOENT ? fd : walk(root, path, true);
}

int mount_on(int target, const char *type, const char *source, unsigned long flags, const char *options) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", target);
  return mount(source, path, type, flags, options);
}

int bind_on(int source, int target, bool read_only) {
  AUTO_CLOSE int tree = open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return -1;
  if (read_only) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) != 0) return -1;
  }
  return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

bool mount_options(const char *options, unsigned long *flags, char *own, size_t cap) {
  static const struct { const char *name; unsigned long set, clear; } table[] = {
      {"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY}, {"noexec", MS_NOEXEC, 0}, {"exec", 0, MS_NOEXEC},
      {"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID}, {"nodev", MS_NODEV, 0}, {"dev", 0, MS_NODEV},
      {"noatime", MS_NOATIME, 0}, {"atime", 0, MS_NOATIME}, {"relatime", MS_RELATIME, 0}, {"sync", MS_SYNCHRONOUS, 0},
      {"async", 0, MS_SYNCHRONOUS}, {"nodiratime", MS_NODIRATIME, 0}, {"strictatime", MS_STRICTATIME, 0},
      {"defaults", 0, 0}, {"private", 0, 0}, {"rprivate", 0, 0},
  };
  size_t used = 0;
  own[0] = 0;
  for (const char *at = options; *at;) {
    size_t len = strcspn(at, ",");
    bool known = len == 0;
    for (size_t i = 0; !known && i < sizeof table / sizeof table[0]; i++) {
      if (strlen(table[i].name) != len || strncmp(table[i].name, at, len) != 0) continue;
      *flags = (*flags | table[i].set) & ~table[i].clear;
      known = true;
    }
    if (!known) {
      if (used + len + 2 > cap) return false;
      if (used) own[used++] = ',';
      memcpy(own + used, at, len);
      own[used += len] = 0;
    }
    at += len + (at[len] == ',');
  }
  return true;
}

int make_dirs(const char *path) {
  char part[PATH_MAX];
  if (strlen(path) >= sizeof part) return errno = ENAMETOOLONG, -1;
  for (const char *slash = path; slash; ) {
    slash = strchr(slash + 1, '/');
    size_t len = slash ? (size_t)(slash - path) : strlen(path);
    memcpy(part, path, len);
    part[len] = 0;
    if (mkdir(part, 0755) != 0 && errno != EEXIST) return -1;
  }
  return 0;
}
