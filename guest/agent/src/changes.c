/* What the writable layer changed of the image, as `docker diff` shows it. */
#include "archive.h"

#include "mounts.h"
#include "worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { KIND_MODIFIED, KIND_ADDED, KIND_DELETED };

struct layers {
  int image, places;
  json_t *changes;
};

static bool below(int layer, const char *path, struct stat *stat) {
  AUTO_CLOSE int fd = open_in_root(layer, path, O_PATH | O_NOFOLLOW);
  return fd >= 0 && fstat(fd, stat) == 0;
}

static void add(struct layers *layers, const char *path, enum kind kind) {
  AUTO_FREE char *absolute = must_printf("/%s", path);
  json_t *change = json_pack("{s:s, s:i}", "path", absolute, "kind", kind);
  if (change) json_array_append_new(layers->changes, change);
}

static void walk(struct layers *layers, int dir, const char *path) {
  int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  for (struct dirent *item; list && (item = readdir(list));) {
    struct stat upper, lower;
    if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
    if (fstatat(fd, item->d_name, &upper, AT_SYMLINK_NOFOLLOW) != 0) continue;
    AUTO_FREE char *here = must_printf("%s%s%s", path, path[0] ? "/" : "", item->d_name);
    if (S_ISCHR(upper.st_mode) && upper.st_rdev == 0) {
      add(layers, here, KIND_DELETED);
      continue;
    }
    bool was_there = below(layers->image, here, &lower) || below(layers->places, here, &lower);
    /* A directory that was only passed through on the way to a change, or copied up with it, is none itself. */
    bool same_dir = was_there && S_ISDIR(upper.st_mode) && S_ISDIR(lower.st_mode) && upper.st_mode == lower.st_mode &&
                    upper.st_uid == lower.st_uid && upper.st_gid == lower.st_gid &&
                    upper.st_mtim.tv_sec == lower.st_mtim.tv_sec && upper.st_mtim.tv_nsec == lower.st_mtim.tv_nsec;
    if (!same_dir) add(layers, here, was_there ? KIND_MODIFIED : KIND_ADDED);
    if (!S_ISDIR(upper.st_mode)) continue;
    AUTO_CLOSE int next = openat(fd, item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next >= 0) walk(layers, next, here);
  }
  if (list) closedir(list);
}

static void run(const struct work *work) {
  struct layers layers = {.image = open(work->argument, O_PATH | O_DIRECTORY | O_CLOEXEC),
                          .places = open(RUN_DIR "/places", O_PATH | O_DIRECTORY | O_CLOEXEC),
                          .changes = json_array()};
  walk(&layers, work->more, "");
  json_t *answer = json_pack("{s:o}", "changes", layers.changes);
  char *text = json_dumps(answer, JSON_COMPACT);
  worker_begin(work, NULL);
  _exit(text && write_all(work->out, text, strlen(text)) ? 0 : 72);
}

void changes_get(struct stream *stream, struct container *container, json_t *body) {
  (void)body;
  AUTO_CLOSE int upper = open(container->upper_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  worker_start(stream, &(struct work){.root = -1, .more = upper, .in = -1, .run = run, .argument = container->lower_path, .subject = container});
}
