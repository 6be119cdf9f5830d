#include "files.h"

#include "mounts.h"
#include "place.h"
#include "query.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 256

static void path_of(const struct container *container, unsigned number, char *into, size_t cap) {
  snprintf(into, cap, "%s/files/%u", container->dir, number);
}

/* RUN_DIR is memory: what is written here reaches no disk. */
static int written(const char *path, const struct buf *bytes, unsigned long uid, unsigned long gid, unsigned long mode) {
  AUTO_CLOSE int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 || !write_all(fd, buf_at(bytes), bytes->len) || fchown(fd, (uid_t)uid, (gid_t)gid) != 0 ||
      fchmod(fd, (mode_t)mode) != 0)
    return -1;
  return open(path, O_PATH | O_CLOEXEC);
}

static void placed(struct stream *stream, void *argument, bool ok, const struct fault *fault) {
  (void)argument;
  if (!stream) return;
  if (ok) stream_reply(stream, 201, json_object());
  else stream_reply_fault(stream, fault);
}

void file_put(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  char target[PATH_MAX], path[PATH_MAX];
  unsigned long mode, uid, gid;
  (void)body;
  bool ok = true;
  if (!stream_query(stream, "path", target, sizeof target) || target[0] != '/')
    ok = fail(&fault, "invalid", "an absolute path is needed");
  else if (!query_number(stream->query, "mode", 07777, &mode) || !query_number(stream->query, "uid", UINT32_MAX - 1, &uid) ||
           !query_number(stream->query, "gid", UINT32_MAX - 1, &gid))
    ok = fail(&fault, "invalid", "the file %s: mode, uid and gid are needed", target);
  else if (strcmp(target, "/proc") == 0 || strncmp(target, "/proc/", 6) == 0)
    ok = fail(&fault, "unsupported", "nothing can be mounted on %s", target);
  else if (container->state != STATE_CREATED)
    ok = fail(&fault, "conflict", "files are given before the container starts");
  else if (container->files_count >= FILES_MAX)
    ok = fail(&fault, "exhausted", "a container is given at most %d files", FILES_MAX);
  if (!ok) {
    stream_reply_fault(stream, &fault);
    return;
  }
  snprintf(path, sizeof path, "%s/files", container->dir);
  make_dirs(path);
  path_of(container, container->files_count, path, sizeof path);
  container->files_count++;
  int from = written(path, &stream->in, uid, gid, mode);
  if (from < 0) {
    fail_errno(&fault, errno, "the file %s", target);
    stream_reply_fault(stream, &fault);
    return;
  }
  place_in_container(stream, container, (struct place){.from = from, .target = must_strdup(target), .read_only = true, .done = placed});
}

void files_free(const struct container *container) {
  char path[PATH_MAX];
  for (unsigned number = 0; number < container->files_count; number++) {
    path_of(container, number, path, sizeof path);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/files", container->dir);
  rmdir(path);
}
