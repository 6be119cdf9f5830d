#include "tar_write.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK 512

struct seen_inode {
  struct seen_inode *next;
  dev_t dev;
  ino_t ino;
  char *as;
};

struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2], user[32],
      group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

static bool put_octal(char *field, size_t cap, uint64_t value) {
  char text[32];
  int len = snprintf(text, sizeof text, "%0*llo", (int)cap - 1, (unsigned long long)value);
  if ((size_t)len > cap - 1) return false;
  memcpy(field, text, cap - 1);
  field[cap - 1] = 0;
  return true;
}

static void pax(struct buf *records, const char *key, const void *value, size_t value_len) {
  /* The record's length counts itself: "30 mtime=1321711775.972059463\n". */
  size_t base = strlen(key) + value_len + 3, len = base + 1;
  for (size_t digits = 1, limit = 10;; digits++, limit *= 10) {
    len = base + digits;
    if (len < limit) break;
  }
  char head[32];
  buf_add(records, head, (size_t)snprintf(head, sizeof head, "%zu ", len));
  buf_add(records, key, strlen(key));
  buf_add(records, "=", 1);
  buf_add(records, value, value_len);
  buf_add(records, "\n", 1);
}

static void pax_text(struct buf *records, const char *key, const char *value) { pax(records, key, value, strlen(value)); }

static bool write_header(struct tar_writer *tar, struct header *header) {
  unsigned sum = 0;
  memset(header->checksum, ' ', sizeof header->checksum);
  for (size_t i = 0; i < BLOCK; i++) sum += ((uint8_t *)header)[i];
  snprintf(header->checksum, sizeof header->checksum, "%06o", sum);
  return write_all(tar->out, header, BLOCK);
}

static bool pad(struct tar_writer *tar, uint64_t size) {
  static const char zeros[BLOCK];
  size_t left = (size_t)(size % BLOCK);
  return left == 0 || write_all(tar->out, zeros, BLOCK - left);
}

static void init_header(struct header *header) {
  memset(header, 0, sizeof *header);
  memcpy(header->magic, "ustar", 6);
  memcpy(header->version, "00", 2);
}

static bool write_pax(struct tar_writer *tar, struct buf *records) {
  struct header header;
  if (records->len == 0) return true;
  init_header(&header);
  strcpy(header.name, "PaxHeaders/entry");
  put_octal(header.mode, sizeof header.mode, 0644);
  put_octal(header.uid, sizeof header.uid, 0);
  put_octal(header.gid, sizeof header.gid, 0);
  put_octal(header.mtime, sizeof header.mtime, 0);
  put_octal(header.size, sizeof header.size, records->len);
  header.type = 'x';
  bool ok = write_header(tar, &header) && write_all(tar->out, buf_at(records), records->len) && pad(tar, records->len);
  buf_free(records);
  return ok;
}

static bool is_overlay_mark(const char *name) {
  return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0;
}

static void add_xattrs(struct buf *records, int fd, bool capabilities_only) {
  char names[4096], key[300];
  static char value[65536];
  ssize_t len = flistxattr(fd, names, sizeof names);
  for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
    const char *name = names + at;
    if (is_overlay_mark(name) || (capabilities_only && strcmp(name, "security.capability") != 0)) continue;
    ssize_t got = fgetxattr(fd, name, value, sizeof value);
    if (got < 0 || snprintf(key, sizeof key, "SCHILY.xattr.%s", name) >= (int)sizeof key) continue;
    pax(records, key, value, (size_t)got);
  }
}

/* Fills the numbers, and what doesn't fit its field as a record. */
static void set_number(struct buf *records, char *field, size_t cap, uint64_t value, const char *key) {
  char text[24];
  if (put_octal(field, cap, value)) return;
  put_octal(field, cap, 0);
  snprintf(text, sizeof text, "%llu", (unsigned long long)value);
  pax_text(records, key, text);
}

static bool entry(struct tar_writer *tar, const char *as, char type, const struct stat *stat, const char *link, int fd) {
  struct header header;
  struct buf records = {0};
  char text[64];
  init_header(&header);
  size_t as_len = strlen(as);
  if (as_len <= sizeof header.name) memcpy(header.name, as, as_len);
  else {
    memcpy(header.name, as, sizeof header.name);
    pax_text(&records, "path", as);
  }
  size_t link_len = strlen(link);
  memcpy(header.link, link, link_len <= sizeof header.link ? link_len : sizeof header.link);
  if (link_len > sizeof header.link) pax_text(&records, "linkpath", link);
  header.type = type;
  put_octal(header.mode, sizeof header.mode, stat->st_mode & 07777);
  set_number(&records, header.uid, sizeof header.uid, stat->st_uid, "uid");
  set_number(&records, header.gid, sizeof header.gid, stat->st_gid, "gid");
  set_number(&records, header.size, sizeof header.size, type == '0' ? (uint64_t)stat->st_size : 0, "size");
  put_octal(header.mtime, sizeof header.mtime, stat->st_mtim.tv_sec > 0 ? (uint64_t)stat->st_mtim.tv_sec : 0);
  if (stat->st_mtim.tv_nsec && stat->st_mtim.tv_sec >= 0) {
    snprintf(text, sizeof text, "%lld.%09ld", (long long)stat->st_mtim.tv_sec, stat->st_mtim.tv_nsec);
    pax_text(&records, "mtime", text);
  }
  put_octal(header.major, sizeof header.major, type == '3' || type == '4' ? major(stat->st_rdev) : 0);
  put_octal(header.minor, sizeof header.minor, type == '3' || type == '4' ? minor(stat->st_rdev) : 0);
  if (fd >= 0 && type != '1') add_xattrs(&records, fd, false);
  return write_pax(tar, &records) && write_header(tar, &header);
}

/* Exactly st_size bytes, whatever the file does meanwhile. */
static bool file_body(struct tar_writer *tar, int fd, uint64_t size) {
  static char bytes[128 * 1024];
  for (uint64_t left = size; left;) {
    ssize_t got = RETRY(read(fd, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes));
    if (got < 0) return false;
    if (got == 0) {
      memset(bytes, 0, sizeof bytes);
      got = (ssize_t)(left < sizeof bytes ? left : sizeof bytes);
    }
    if (!write_all(tar->out, bytes, (size_t)got)) return false;
    left -= (uint64_t)got;
  }
  return pad(tar, size);
}

static const struct seen_inode *seen_before(struct tar_writer *tar, const struct stat *stat, const char *as) {
  if (stat->st_nlink < 2) return NULL;
  for (struct seen_inode *seen = tar->seen; seen; seen = seen->next)
    if (seen->ino == stat->st_ino && seen->dev == stat->st_dev) return seen;
  struct seen_inode *seen = must_calloc(1, sizeof *seen);
  *seen = (struct seen_inode){tar->seen, stat->st_dev, stat->st_ino, must_strdup(as)};
  tar->seen = seen;
  return NULL;
}

static bool whiteout(struct tar_writer *tar, const char *as) {
  const char *slash = strrchr(as, '/');
  int parent = slash ? (int)(slash - as) + 1 : 0;
  AUTO_FREE char *mark = must_printf("%.*s.wh.%s", parent, as, as + parent);
  struct stat stat = {.st_mode = 0600};
  return entry(tar, mark, '0', &stat, "", -1);
}

static bool opaque_mark(struct tar_writer *tar, int fd, const char *as) {
  char value[4];
  if (fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value) != 1 || value[0] != 'y') return true;
  AUTO_FREE char *mark = must_printf("%s.wh..wh..opq", as);
  struct stat stat = {.st_mode = 0600};
  return entry(tar, mark, '0', &stat, "", -1);
}

/* What a container's mounts of its own kind hold is made by the kernel, or by us: no file of the container's. */
static bool is_made(int fd) {
  struct statfs fs;
  struct stat at, dev;
  if (fstatfs(fd, &fs) != 0) return false;
  if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC) return true;
  return fs.f_type == TMPFS_MAGIC && fstat(fd, &at) == 0 && stat("/dev", &dev) == 0 && at.st_dev == dev.st_dev && at.st_ino == dev.st_ino;
}

static bool write_dir(struct tar_writer *tar, int dir, const char *name, const char *as, const struct stat *stat) {
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  AUTO_FREE char *with_slash = must_printf("%s/", as);
  bool ok = entry(tar, with_slash, '5', stat, "", fd) && (!tar->whiteouts || opaque_mark(tar, fd, with_slash)) &&
            ((tar->own_files && is_made(fd)) || tar_write_children(tar, fd, with_slash));
  close(fd);
  return ok;
}

static bool write_file_entry(struct tar_writer *tar, int dir, const char *name, const char *as) {
  AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat stat;
  if (fd < 0) return errno == ENOENT;
  if (fstat(fd, &stat) != 0) return false;
  if (!S_ISREG(stat.st_mode)) return true;
  return entry(tar, as, '0', &stat, "", fd) && file_body(tar, fd, (uint64_t)stat.st_size);
}

bool tar_write_tree(struct tar_writer *tar, int dir, const char *name, const char *as) {
  struct stat stat;
  if (fstatat(dir, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  if (tar->whiteouts && S_ISCHR(stat.st_mode) && stat.st_rdev == 0) return whiteout(tar, as);
  if (S_ISDIR(stat.st_mode)) return write_dir(tar, dir, name, as, &stat);
  const struct seen_inode *seen = seen_before(tar, &stat, as);
  if (seen) return entry(tar, as, '1', &stat, seen->as, -1);
  if (S_ISREG(stat.st_mode)) return write_file_entry(tar, dir, name, as);
  if (S_ISLNK(stat.st_mode)) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(dir, name, target, sizeof target - 1);
    if (len < 0) return errno == ENOENT;
    target[len] = 0;
    return entry(tar, as, '2', &stat, target, -1);
  }
  char type = S_ISCHR(stat.st_mode) ? '3' : S_ISBLK(stat.st_mode) ? '4' : S_ISFIFO(stat.st_mode) ? '6' : 0;
  return type == 0 || entry(tar, as, type, &stat, "", -1);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* In order of name, so that the same tree gives the same bytes. */
bool tar_write_children(struct tar_writer *tar, int dir, const char *as) {
  int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  if (!list) return false;
  char **names = NULL;
  size_t count = 0;
  for (struct dirent *item; (item = readdir(list));) {
    if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
    if (count % 64 == 0) names = must_realloc(names, (count + 64) * sizeof *names);
    names[count++] = must_strdup(item->d_name);
  }
  if (count) qsort(names, count, sizeof *names, by_name);
  bool ok = true;
  for (size_t i = 0; i < count; i++) {
    AUTO_FREE char *below = must_printf("%s%s", as, names[i]);
    ok = ok && tar_write_tree(tar, fd, names[i], below);
    free(names[i]);
  }
  free(names);
  closedir(list);
  return ok;
}

bool tar_write_end(struct tar_writer *tar) {
  static const char zeros[2 * BLOCK];
  return write_all(tar->out, zeros, sizeof zeros);
}
