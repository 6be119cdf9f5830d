/*
 * Locks of the other VM's processes, held by descriptors of this one: POSIX locks as open file description locks, flock
 * as flock, so that both conflict with what the keeper's own processes lock. Never waits: the other end asks again.
 */
#include "share_server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_OWNERS_MAX 8192

struct lock_owner {
  struct lock_owner *next;
  uint64_t id, owner;
  bool whole; /* flock */
  int fd;
};

static struct lock_owner **find(struct server *server, uint64_t id, const struct fuse_lk_in *in) {
  struct lock_owner **at = &server->locks;
  bool whole = in->lk_flags & FUSE_LK_FLOCK;
  while (*at && ((*at)->id != id || (*at)->owner != in->owner || (*at)->whole != whole)) at = &(*at)->next;
  return at;
}

static void forget(struct server *server, struct lock_owner **at) {
  struct lock_owner *lock = *at;
  close_fd(&lock->fd);
  *at = lock->next;
  free(lock);
  server->locks_count--;
}

void server_drop_locks(struct server *server) {
  while (server->locks) forget(server, &server->locks);
}

/* For writing too, since the same owner may ask for that later; a program that runs can't be opened so. */
static int open_for_locks(const struct server *server, uint64_t id) {
  int fd = node_file(server, id, O_RDWR);
  return fd == -ETXTBSY || fd == -EISDIR || fd == -EPERM ? node_file(server, id, O_RDONLY) : fd;
}

static bool range_of(const struct fuse_lk_in *in, struct flock *range) {
  if (in->lk.start > INT64_MAX || in->lk.end < in->lk.start) return false;
  if (in->lk.type != F_RDLCK && in->lk.type != F_WRLCK && in->lk.type != F_UNLCK) return false;
  uint64_t end = in->lk.end > INT64_MAX ? INT64_MAX : in->lk.end;
  /* Length 0: to the end, however far that is. */
  *range = (struct flock){.l_type = (short)in->lk.type, .l_whence = SEEK_SET, .l_start = (off_t)in->lk.start,
                          .l_len = end == INT64_MAX ? 0 : (off_t)(end - in->lk.start + 1)};
  return true;
}

int share_getlk(struct server *server, const struct call *call) {
  const struct fuse_lk_in *in = call->in;
  struct flock range;
  if (!range_of(in, &range) || in->lk.type == F_UNLCK) return -EINVAL;
  struct lock_owner *lock = *find(server, call->head->nodeid, in);
  int fd = lock ? lock->fd : open_for_locks(server, call->head->nodeid);
  if (fd < 0) return fd;
  int err = fcntl(fd, F_OFD_GETLK, &range) == 0 ? 0 : -errno;
  if (!lock) close(fd);
  if (err) return err;
  struct fuse_lk_out *out = (struct fuse_lk_out *)(void *)server->reply;
  *out = (struct fuse_lk_out){.lk.type = (uint32_t)range.l_type};
  if (range.l_type != F_UNLCK) {
    out->lk.start = (uint64_t)range.l_start;
    out->lk.end = range.l_len ? (uint64_t)(range.l_start + range.l_len - 1) : INT64_MAX;
  }
  return sizeof *out;
}

static int set(const struct lock_owner *lock, struct flock *range) {
  if (!lock->whole) return fcntl(lock->fd, F_OFD_SETLK, range) == 0 ? 0 : errno == EACCES ? -EAGAIN : -errno;
  int how = range->l_type == F_RDLCK ? LOCK_SH : range->l_type == F_WRLCK ? LOCK_EX : LOCK_UN;
  return flock(lock->fd, how | LOCK_NB) == 0 ? 0 : -errno;
}

int share_setlk(struct server *server, const struct call *call) {
  const struct fuse_lk_in *in = call->in;
  struct flock range;
  if (!range_of(in, &range)) return -EINVAL;
  struct lock_owner **at = find(server, call->head->nodeid, in);
  bool fresh = !*at, all = range.l_start == 0 && range.l_len == 0;
  if (range.l_type == F_UNLCK && (fresh || all || (*at)->whole)) {
    if (!fresh) forget(server, at);
    return 0;
  }
  if (fresh) {
    if (server->locks_count == LOCK_OWNERS_MAX) return -ENOLCK;
    int fd = open_for_locks(server, call->head->nodeid);
    if (fd < 0) return fd;
    struct lock_owner *lock = must_calloc(1, sizeof *lock);
    *lock = (struct lock_owner){.id = call->head->nodeid, .owner = in->owner, .whole = in->lk_flags & FUSE_LK_FLOCK, .fd = fd};
    *at = lock;
    server->locks_count++;
  }
  int err = set(*at, &range);
  if (err && fresh) forget(server, at);
  return err;
}
