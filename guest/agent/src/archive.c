#include "archive.h"

#include "extract.h"
#include "tar_write.h"
#include "worker.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Go's os.FileMode: the permission bits, and the rest in its own places. */
static int64_t go_mode(mode_t mode) {
  int64_t go = mode & 0777;
  if (S_ISDIR(mode)) go |= 1ll << 31;
  if (S_ISLNK(mode)) go |= 1ll << 27;
  if (S_ISBLK(mode)) go |= 1ll << 26;
  if (S_ISCHR(mode)) go |= 1ll << 26 | 1ll << 21;
  if (S_ISFIFO(mode)) go |= 1ll << 25;
  if (S_ISSOCK(mode)) go |= 1ll << 24;
  if (mode & S_ISUID) go |= 1ll << 23;
  if (mode & S_ISGID) go |= 1ll << 22;
  if (mode & S_ISVTX) go |= 1ll << 20;
  return go;
}

static json_t *stat_json(const char *name, const char *path, const struct stat *stat) {
  char mtime[24], target[PATH_MAX] = "";
  snprintf(mtime, sizeof mtime, "%lld", (long long)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec);
  if (S_ISLNK(stat->st_mode) && !realpath(path, target)) {
    ssize_t len = readlink(path, target, sizeof target - 1);
    target[len < 0 ? 0 : len] = 0;
  }
  json_t *json = json_pack("{s:s, s:I, s:I, s:s, s:s}", "name", name, "size", (json_int_t)stat->st_size, "mode",
                           (json_int_t)go_mode(stat->st_mode), "mtimeNs", mtime, "linkTarget", target);
  /* Names needn't be UTF-8; JSON must. */
  return json ? json : json_pack("{s:s, s:I, s:I, s:s, s:s}", "name", "?", "size", (json_int_t)stat->st_size, "mode",
                                 (json_int_t)go_mode(stat->st_mode), "mtimeNs", mtime, "linkTarget", "");
}

/* The texts are Docker's own, which its CLI looks at. */
_Noreturn static void path_fault(const struct work *work, struct fault *fault) {
  if (errno == ENOENT) fail(fault, "not-found", "Could not find the file %s in container", work->path);
  else if (errno == ENOTDIR) fail(fault, "invalid", "%s: not a directory", work->path);
  else fail_errno(fault, errno, "%s", work->path);
  worker_fault(work, fault);
}

static void end_tar(struct tar_writer *tar, bool ok) { _exit(ok && tar_write_end(tar) ? 0 : 72); }

/*
 * As docker: "/a/b" gives "b" and what is below it; "/a/b/." gives "." and what is below it; "/" gives "/" and "/a". A link
 * is itself, unless a slash or a dot follows.
 */
static void run_path(const struct work *work) {
  struct fault fault;
  struct stat stat;
  struct tar_writer tar = {.out = work->out, .own_files = true};
  AUTO_FREE char *path = must_printf("/%s", work->path);
  size_t len = strlen(path);
  bool through = len > 1 && (path[len - 1] == '/' || (len >= 2 && strcmp(path + len - 2, "/.") == 0));
  if ((through ? fstatat(AT_FDCWD, path, &stat, 0) : lstat(path, &stat)) != 0) path_fault(work, &fault);
  AUTO_FREE char *for_base = must_strdup(path);
  const char *base = basename(for_base);
  AUTO_FREE char *stat_path = must_strdup(path);
  while (!through && len > 1 && stat_path[len - 1] == '/') stat_path[--len] = 0;
  worker_begin(work, stat_json(base, stat_path, &stat));
  const char *as = strcmp(base, "/") == 0 ? "" : base;
  end_tar(&tar, tar_write_tree(&tar, AT_FDCWD, through && S_ISDIR(stat.st_mode) ? realpath(path, NULL) : path, as));
}

static void run_tree(const struct work *work) {
  struct tar_writer tar = {.out = work->out, .whiteouts = work->argument != NULL};
  worker_begin(work, json_pack("{s:s, s:i, s:I, s:s, s:s}", "name", "/", "size", 0, "mode", (json_int_t)(1ll << 31 | 0755),
                               "mtimeNs", "0", "linkTarget", ""));
  end_tar(&tar, tar_write_children(&tar, work->more, ""));
}

void archive_get(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  static char path[PATH_MAX];
  (void)body;
  if (stream_flag(stream, "upper")) {
    AUTO_CLOSE int upper = open(container->upper_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    worker_start(stream, &(struct work){.root = -1, .more = upper, .in = -1, .run = run_tree, .argument = "upper", .subject = container});
    return;
  }
  if (stream_flag(stream, "root")) {
    /* A copy of the overlay's mount without what is mounted on it: volumes are no part of an export. */
    AUTO_CLOSE int bare = open_tree(container->root, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (bare < 0) {
      fail_errno(&fault, errno, "opening the root");
      stream_reply_fault(stream, &fault);
      return;
    }
    worker_start(stream, &(struct work){.root = -1, .more = bare, .in = -1, .run = run_tree, .subject = container});
    return;
  }
  if (!stream_query(stream, "path", path, sizeof path)) {
    fail(&fault, "invalid", "a path is needed");
    stream_reply_fault(stream, &fault);
    return;
  }
  worker_start(stream, &(struct work){.root = container->root, .more = -1, .in = -1, .run = run_path, .path = path, .subject = container});
}

static ssize_t read_input(void *from, void *into, size_t len) {
  const struct work *work = from;
  uint8_t *at = into;
  size_t have = 0;
  while (have < len) {
    ssize_t got = RETRY(read(work->in, at + have, len - have));
    if (got < 0) return -1;
    if (got == 0) break;
    have += (size_t)got;
  }
  return (ssize_t)have;
}

struct put {
  struct extract_options options;
  bool read_only_root;
};

static void run_put(const struct work *work) {
  const struct put *put = work->argument;
  struct fault fault;
  struct stat root, target;
  struct statvfs mount;
  struct tar_reader tar = {.read = read_input, .from = (void *)work};
  AUTO_FREE char *path = must_printf("/%s", work->path);
  if (stat(path, &target) != 0) path_fault(work, &fault);
  if (!S_ISDIR(target.st_mode)) fail(&fault, "invalid", "extraction point is not a directory");
  else if (put->read_only_root && stat("/", &root) == 0 && root.st_dev == target.st_dev)
    fail(&fault, "forbidden", "container rootfs is marked read-only");
  else if (statvfs(path, &mount) == 0 && (mount.f_flag & ST_RDONLY)) fail(&fault, "forbidden", "mounted volume is marked read-only");
  else if (chdir(path) != 0) fail_errno(&fault, errno, "%s", work->path);
  else if (extract(&tar, &put->options, &fault)) worker_answer(work, 200, json_object());
  worker_fault(work, &fault);
}

void archive_put(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  static char path[PATH_MAX];
  struct put put = {.options = {.no_overwrite_dir_non_dir = stream_flag(stream, "noOverwriteDirNonDir"),
                                .chown_all = stream_flag(stream, "copyUIDGID"),
                                .uid = container->plan.identity.uid,
                                .gid = container->plan.identity.gid},
                    .read_only_root = container->read_only_root};
  (void)body;
  if (!stream_query(stream, "path", path, sizeof path)) {
    fail(&fault, "invalid", "a path is needed");
    stream_reply_fault(stream, &fault);
    return;
  }
  worker_start(stream, &(struct work){.root = container->root, .more = -1, .takes_body = true, .run = run_put, .path = path, .argument = &put, .subject = container});
}
