#include "extract.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A directory's time is set at the end: what is made in it would change it. */
struct dir_time {
  struct dir_time *next;
  char *path;
  struct timespec times[2];
};

bool clean_path(const char *path, char *into, size_t cap) {
  size_t used = 0;
  into[0] = 0;
  for (const char *at = path; *at;) {
    size_t len = strcspn(at, "/");
    bool skip = len == 0 || (len == 1 && at[0] == '.');
    if (len == 2 && at[0] == '.' && at[1] == '.') return false;
    if (!skip) {
      if (used + len + 2 > cap) return false;
      if (used) into[used++] = '/';
      memcpy(into + used, at, len);
      into[used += len] = 0;
    }
    at += len + (at[len] == '/');
  }
  return true;
}

static bool remove_tree(int dir, const char *name) {
  if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  if (!list) return false;
  bool ok = true;
  for (struct dirent *item; ok && (item = readdir(list));)
    if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) ok = remove_tree(fd, item->d_name);
  closedir(list);
  return ok && unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

static bool make_parents(const char *path) {
  char part[PATH_MAX];
  for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
    size_t len = (size_t)(slash - path);
    memcpy(part, path, len);
    part[len] = 0;
    if (mkdir(part, 0755) != 0 && errno != EEXIST) return false;
  }
  return true;
}

static bool write_body(struct tar_reader *tar, const char *path, struct fault *fault) {
  static uint8_t bytes[128 * 1024];
  AUTO_CLOSE int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  for (;;) {
    ssize_t got = tar_body(tar, bytes, sizeof bytes);
    if (got < 0) return fail(fault, "corrupt", "the archive breaks off in %s", path);
    if (got == 0) return true;
    if (!write_all(fd, bytes, (size_t)got)) return false;
  }
}

static bool set_attributes(const struct tar_entry *entry, const char *path, const struct extract_options *options) {
  uid_t uid = options->chown_all ? options->uid : (uid_t)entry->uid;
  gid_t gid = options->chown_all ? options->gid : (gid_t)entry->gid;
  struct timespec times[2] = {{entry->mtime_s, entry->mtime_ns}, {entry->mtime_s, entry->mtime_ns}};
  if (entry->type == '1') return true;
  if (lchown(path, uid, gid) != 0) return false;
  if (entry->type != '2' && chmod(path, entry->mode) != 0) return false;
  for (size_t i = 0; i < entry->xattrs_count; i++) {
    const struct tar_xattr *xattr = &entry->xattrs[i];
    if (strncmp(xattr->name, "trusted.overlay.", 16) == 0) continue;
    if (lsetxattr(path, xattr->name, xattr->value, xattr->len, 0) != 0 && errno != ENOTSUP && errno != EPERM) return false;
  }
  return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Makes room for the entry; true if a directory that is to be a directory is there already. */
static bool make_room(const struct tar_entry *entry, const char *path, const struct extract_options *options, bool *there,
                      struct fault *fault) {
  struct stat stat;
  *there = false;
  if (lstat(path, &stat) != 0) return errno == ENOENT || fail_errno(fault, errno, "extracting %s", path);
  bool is_dir = S_ISDIR(stat.st_mode), to_dir = entry->type == '5';
  if (options->no_overwrite_dir_non_dir && is_dir && !to_dir)
    return fail(fault, "invalid", "cannot overwrite directory \"%s\" with non-directory", path);
  if (options->no_overwrite_dir_non_dir && !is_dir && to_dir)
    return fail(fault, "invalid", "cannot overwrite non-directory \"%s\" with directory", path);
  if (is_dir && to_dir) {
    *there = true;
    return true;
  }
  return remove_tree(AT_FDCWD, path) || fail_errno(fault, errno, "replacing %s", path);
}

static bool make_entry(struct tar_reader *tar, const char *path, struct fault *fault) {
  const struct tar_entry *entry = &tar->entry;
  char link[PATH_MAX];
  switch (entry->type) {
    case '0': return write_body(tar, path, fault);
    case '1':
      if (!clean_path(entry->link, link, sizeof link)) return fail(fault, "invalid", "the archive links out of itself: %s", entry->link);
      return linkat(AT_FDCWD, link, AT_FDCWD, path, 0) == 0;
    case '2': return symlink(entry->link, path) == 0;
    case '3': return mknod(path, S_IFCHR | 0600, makedev(entry->major, entry->minor)) == 0;
    case '4': return mknod(path, S_IFBLK | 0600, makedev(entry->major, entry->minor)) == 0;
    case '5': return mkdir(path, 0700) == 0;
    default: return mkfifo(path, 0600) == 0;
  }
}

static bool extract_one(struct tar_reader *tar, const struct extract_options *options, struct dir_time **times, struct fault *fault) {
  const struct tar_entry *entry = &tar->entry;
  char path[PATH_MAX];
  bool there;
  if (!clean_path(entry->name, path, sizeof path)) return fail(fault, "invalid", "the archive climbs out of itself: %s", entry->name);
  if (!path[0]) return true; /* the directory itself stays as it is */
  fault->message[0] = 0;
  if (!make_parents(path)) return fail_errno(fault, errno, "extracting %s", path);
  if (!make_room(entry, path, options, &there, fault)) return false;
  if ((!there && !make_entry(tar, path, fault)) || !set_attributes(entry, path, options))
    return fault->message[0] ? false : fail_errno(fault, errno, "extracting %s", path);
  if (entry->type == '5') {
    struct dir_time *time = must_calloc(1, sizeof *time);
    *time = (struct dir_time){*times, must_strdup(path), {{entry->mtime_s, entry->mtime_ns}, {entry->mtime_s, entry->mtime_ns}}};
    *times = time;
  }
  return true;
}

bool extract(struct tar_reader *tar, const struct extract_options *options, struct fault *fault) {
  struct dir_time *times = NULL;
  int more;
  while ((more = tar_next(tar, fault)) > 0)
    if (!extract_one(tar, options, &times, fault)) break;
  for (struct dir_time *time = times, *next; time; time = next) {
    next = time->next;
    utimensat(AT_FDCWD, time->path, time->times, AT_SYMLINK_NOFOLLOW);
    free(time->path);
    free(time);
  }
  return more == 0;
}
