/* Random things done to two trees, which must stay alike: the model is the kernel's own file system. */
#include "base.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES 12
#define FILE_BYTES_MAX 400000

int share_random(const char *one, const char *other, unsigned seed, unsigned count);

static uint64_t state;
static uint32_t chance(uint32_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % below;
}

struct step {
  uint32_t kind, name, target, mode, at, len, byte;
};

/* `open` is kept over several steps. */
struct tree {
  const char *top;
  int open;
};

static void name_of(const struct tree *tree, uint32_t name, char *into) {
  if (name % 4 == 3) snprintf(into, PATH_MAX, "%s/dir%u/\xff n%u", tree->top, name % 3, name);
  else if (name % 4 == 2) snprintf(into, PATH_MAX, "%s/dir%u", tree->top, name % 3);
  else snprintf(into, PATH_MAX, "%s/n%u", tree->top, name);
}

static uint32_t sum_of(const uint8_t *bytes, size_t len) {
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < len; i++) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

static long read_sum(int fd, off_t at, size_t len) {
  static uint8_t bytes[FILE_BYTES_MAX];
  size_t held = 0;
  for (ssize_t got; held < len && (got = pread(fd, bytes + held, len - held, at + (off_t)held)) != 0; held += (size_t)got)
    if (got < 0) return -errno;
  return (long)(sum_of(bytes, held) ^ (uint32_t)held);
}

static long result_of(long result) { return result < 0 ? -errno : result; }

static long use_map(int fd, const struct step *step) {
  struct stat stat;
  if (fstat(fd, &stat) != 0 || stat.st_size == 0) return 0;
  uint8_t *map = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return -errno;
  size_t at = step->at % (size_t)stat.st_size, len = step->len < (size_t)stat.st_size - at ? step->len : (size_t)stat.st_size - at;
  memset(map + at, (int)step->byte, len);
  long sum = (long)sum_of(map, (size_t)stat.st_size);
  if (msync(map, (size_t)stat.st_size, MS_SYNC) != 0) sum = -errno;
  munmap(map, (size_t)stat.st_size);
  return sum;
}

static long use_open(struct tree *tree, const struct step *step) {
  static uint8_t bytes[70000];
  struct stat stat;
  if (fstat(tree->open, &stat) != 0) return -errno;
  switch (step->byte % 9) {
    case 0:
    case 1:
      for (size_t i = 0; i < step->len; i++) bytes[i] = (uint8_t)(step->byte + i * step->at);
      return result_of(pwrite(tree->open, bytes, step->len, step->at));
    case 2:
    case 3: return read_sum(tree->open, step->at, step->len);
    case 4: return result_of(ftruncate(tree->open, step->at));
    case 5: return use_map(tree->open, step);
    case 6: return result_of(fallocate(tree->open, step->mode % 2 ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0, step->at, step->len + 1));
    case 7: return result_of(fsync(tree->open));
    default: return S_ISREG(stat.st_mode) ? result_of(lseek(tree->open, 0, SEEK_END)) : 0;
  }
}

static long do_step(struct tree *tree, const struct step *step) {
  char path[PATH_MAX], target[PATH_MAX], text[PATH_MAX];
  struct stat stat;
  static const int flags[] = {O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_RDWR, O_RDWR | O_TRUNC, O_WRONLY | O_APPEND | O_CREAT, O_RDONLY};
  name_of(tree, step->name, path);
  name_of(tree, step->target, target);
  if (step->kind >= 16) return tree->open < 0 ? 0 : use_open(tree, step);
  switch (step->kind) {
    case 0:
    case 1:
      if (tree->open >= 0) close(tree->open);
      tree->open = open(path, flags[step->byte % 6] | O_NOFOLLOW | O_NONBLOCK, step->mode);
      if (tree->open < 0) return -errno;
      /* The other kernel opens a FIFO by itself, so nothing keeps one that is removed. */
      if (fstat(tree->open, &stat) == 0 && S_ISFIFO(stat.st_mode)) {
        close(tree->open);
        tree->open = -1;
      }
      return 0;
    case 2: return result_of(mkdir(path, step->mode | 0700));
    case 3: return result_of(unlink(path));
    case 4: return result_of(rmdir(path));
    case 5: return result_of(rename(path, target));
    case 6: return result_of(link(path, target));
    case 7: return result_of(symlink("n1", path));
    case 8: return result_of(chmod(path, step->mode | 0700));
    case 9: return result_of(lchown(path, step->at % 3, step->len % 3));
    case 10: return result_of(mknod(path, step->byte % 2 ? S_IFIFO | 0644 : S_IFCHR | 0600, 0x12345)); 
    case 11: {
      ssize_t len = readlink(path, text, sizeof text);
      return len < 0 ? -errno : (long)sum_of((uint8_t *)text, (size_t)len);
    }
    case 12: return result_of(lsetxattr(path, "user.kraud", &step->byte, sizeof step->byte, 0));
    case 13: return result_of(truncate(path, step->at));
    case 14: return result_of(lremovexattr(path, "user.kraud"));
    default: return result_of(renameat2(AT_FDCWD, path, AT_FDCWD, target, step->byte % 2 ? RENAME_EXCHANGE : RENAME_NOREPLACE));
  }
}

static int by_name(const struct dirent **one, const struct dirent **other) { return strcmp((*one)->d_name, (*other)->d_name); }

/* What a tree is, as text. */
static void describe(const char *path, const char *below, struct buf *text) {
  struct stat stat;
  uint32_t value = 0;
  if (lstat(path, &stat) != 0) return;
  lgetxattr(path, "user.kraud", &value, sizeof value);
  int fd = S_ISREG(stat.st_mode) ? open(path, O_RDONLY) : -1;
  long sum = fd < 0 ? 0 : read_sum(fd, 0, FILE_BYTES_MAX);
  if (fd >= 0) close(fd);
  AUTO_FREE char *line = must_printf("%s %o %lu %u:%u %lld %lx %u %lx\n", below, stat.st_mode, (unsigned long)stat.st_nlink, stat.st_uid, stat.st_gid,
                                     S_ISDIR(stat.st_mode) ? 0 : (long long)stat.st_size, (unsigned long)stat.st_rdev, value, sum);
  buf_add(text, line, strlen(line));
  if (!S_ISDIR(stat.st_mode)) return;
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, by_name);
  for (int i = 0; i < count; i++) {
    AUTO_FREE char *next = must_printf("%s/%s", path, entries[i]->d_name);
    AUTO_FREE char *next_below = must_printf("%s/%s", below, entries[i]->d_name);
    if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0) describe(next, next_below, text);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

static bool alike(const struct tree *trees) {
  struct buf text[2] = {{0}, {0}};
  for (int i = 0; i < 2; i++) {
    describe(trees[i].top, "", &text[i]);
    buf_add(&text[i], "", 1);
  }
  bool same = strcmp((char *)buf_at(&text[0]), (char *)buf_at(&text[1])) == 0;
  if (!same) printf("shared:\n%smodel:\n%s", (char *)buf_at(&text[0]), (char *)buf_at(&text[1]));
  for (int i = 0; i < 2; i++) buf_free(&text[i]);
  return same;
}

int share_random(const char *one, const char *other, unsigned seed, unsigned count) {
  struct tree trees[2] = {{one, -1}, {other, -1}};
  state = seed * 2654435761u + 1;
  for (int i = 0; i < 2; i++)
    if (mkdir(trees[i].top, 0755) != 0) die("%s: %s", trees[i].top, errno_text(errno));
  bool ok = true;
  for (unsigned i = 0; ok && i < count; i++) {
    struct step step = {chance(32), chance(NAMES), chance(NAMES), chance(0777), chance(200000), chance(70000), chance(256)};
    long results[2];
    for (int tree = 0; tree < 2; tree++) results[tree] = do_step(&trees[tree], &step);
    if (results[0] != results[1] || (i % 64 == 0 && !alike(trees))) {
      printf("seed %u, step %u: kind %u name %u target %u mode %o at %u len %u byte %u: %ld, not %ld\n", seed, i, step.kind, step.name,
             step.target, step.mode, step.at, step.len, step.byte, results[0], results[1]);
      ok = false;
    }
  }
  for (int i = 0; i < 2; i++)
    if (trees[i].open >= 0) close(trees[i].open);
  ok = ok && alike(trees);
  fflush(stdout);
  return ok ? 0 : 1;
}
