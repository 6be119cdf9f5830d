/* What is done with names: look-up, making, renaming, removal. */
#include "share_server.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

/* One step, never out of the file system. */
static int open_below(int dir, const char *name) {
  struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
  return fd < 0 ? -errno : fd;
}

static int answer_entry(struct server *server, int fd) {
  int err = node_entry(server, fd, (struct fuse_entry_out *)(void *)server->reply);
  return err ? err : (int)sizeof(struct fuse_entry_out);
}

static int look_up(struct server *server, int dir, const char *name) {
  AUTO_CLOSE int fd = open_below(dir, name);
  return fd < 0 ? fd : answer_entry(server, fd);
}

int share_lookup(struct server *server, const struct call *call) {
  const char *name = call->name[0];
  if (call->head->nodeid == FUSE_ROOT_ID && strcmp(name, "..") == 0) name = ".";
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  return dir < 0 ? dir : look_up(server, dir, name);
}

/* Until the next one, what is made belongs to whoever asked. */
static void act_for(const struct call *call, uint32_t mask) {
  setfsgid(call->head->gid);
  setfsuid(call->head->uid);
  umask(mask & 0777);
}

static void act_for_self(void) {
  setfsuid(0);
  setfsgid(0);
  umask(0);
}

/* What one of the makers below did in `dir`, as an answer. */
static int made(struct server *server, int dir, const struct call *call, int result) {
  int err = result < 0 ? -errno : 0;
  act_for_self();
  return err ? err : look_up(server, dir, call->name[0]);
}

int share_symlink(struct server *server, const struct call *call) {
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  act_for(call, 0);
  return made(server, dir, call, symlinkat(call->name[1], dir, call->name[0]));
}

int share_mknod(struct server *server, const struct call *call) {
  const struct fuse_mknod_in *in = call->in;
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  dev_t device = makedev((in->rdev & 0xfff00) >> 8, (in->rdev & 0xff) | (in->rdev >> 12 & 0xfff00));
  act_for(call, in->umask);
  return made(server, dir, call, mknodat(dir, call->name[0], in->mode & (S_IFMT | 07777), device));
}

int share_mkdir(struct server *server, const struct call *call) {
  const struct fuse_mkdir_in *in = call->in;
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  act_for(call, in->umask);
  return made(server, dir, call, mkdirat(dir, call->name[0], in->mode & 07777));
}

int share_link(struct server *server, const struct call *call) {
  const struct fuse_link_in *in = call->in;
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  AUTO_CLOSE int from = node_path(server, in->oldnodeid);
  if (from < 0) return from;
  return linkat(from, "", dir, call->name[0], AT_EMPTY_PATH) == 0 ? look_up(server, dir, call->name[0]) : -errno;
}

static int remove_name(struct server *server, const struct call *call, int flags) {
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  return unlinkat(dir, call->name[0], flags) == 0 ? 0 : -errno;
}

int share_unlink(struct server *server, const struct call *call) { return remove_name(server, call, 0); }
int share_rmdir(struct server *server, const struct call *call) { return remove_name(server, call, AT_REMOVEDIR); }

static int rename_to(struct server *server, const struct call *call, uint64_t target, unsigned flags) {
  if (dots(call->name[0]) || dots(call->name[1])) return -EINVAL;
  AUTO_CLOSE int from = node_path(server, call->head->nodeid);
  if (from < 0) return from;
  AUTO_CLOSE int to = node_path(server, target);
  if (to < 0) return to;
  return renameat2(from, call->name[0], to, call->name[1], flags) == 0 ? 0 : -errno;
}

int share_rename(struct server *server, const struct call *call) {
  const struct fuse_rename_in *in = call->in;
  return rename_to(server, call, in->newdir, 0);
}

int share_rename2(struct server *server, const struct call *call) {
  const struct fuse_rename2_in *in = call->in;
  return rename_to(server, call, in->newdir, in->flags);
}

/* The answer to CREATE: the new node, and that it is open. */
static int answer_created(struct server *server, int path, int fd, int access) {
  struct fuse_entry_out *entry = (struct fuse_entry_out *)(void *)server->reply;
  struct fuse_open_out *opened = (struct fuse_open_out *)(void *)(server->reply + sizeof *entry);
  int err = node_entry(server, path, entry);
  if (err) {
    close(fd);
    return err;
  }
  *opened = (struct fuse_open_out){.fh = (uint64_t)access};
  err = node_hold_fd(server, entry->nodeid, access, fd);
  return err ? err : (int)(sizeof *entry + sizeof *opened);
}

/* What is there already may be anything: it is looked at before it is opened. */
static int open_present(struct server *server, const struct call *call, int present) {
  const struct fuse_create_in *in = call->in;
  struct fuse_entry_out entry;
  if (in->flags & O_EXCL) return -EEXIST;
  int err = node_entry(server, present, &entry);
  if (err) return err;
  if (!S_ISREG(entry.attr.mode)) return S_ISDIR(entry.attr.mode) ? -EISDIR : -EEXIST;
  int fd = node_file(server, entry.nodeid, in->flags & O_ACCMODE);
  if (fd < 0) return fd;
  if (in->flags & O_TRUNC && in->open_flags & FUSE_OPEN_KILL_SUIDGID) node_drop_privileges(fd);
  if (in->flags & O_TRUNC && ftruncate(fd, 0) != 0) {
    err = -errno;
    close(fd);
    return err;
  }
  return answer_created(server, present, fd, in->flags & O_ACCMODE);
}

int share_create(struct server *server, const struct call *call) {
  const struct fuse_create_in *in = call->in;
  const int access = in->flags & O_ACCMODE;
  if (dots(call->name[0])) return -EISDIR;
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  for (int tries = 0;; tries++) {
    AUTO_CLOSE int present = open_below(dir, call->name[0]);
    if (present >= 0) return open_present(server, call, present);
    act_for(call, in->umask);
    int fd = openat(dir, call->name[0], (access == O_RDONLY ? O_RDONLY : O_RDWR) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    in->mode & 07777);
    int err = fd < 0 ? -errno : 0;
    act_for_self();
    if (!err) return answer_created(server, fd, fd, access);
    /* Someone else may have made it just now. */
    if (err != -EEXIST || in->flags & O_EXCL || tries == 2) return err;
  }
}

int share_tmpfile(struct server *server, const struct call *call) {
  const struct fuse_create_in *in = call->in;
  AUTO_CLOSE int dir = node_path(server, call->head->nodeid);
  if (dir < 0) return dir;
  act_for(call, in->umask);
  int fd = openat(dir, ".", O_TMPFILE | O_RDWR | (in->flags & O_EXCL) | O_CLOEXEC, in->mode & 07777);
  int err = fd < 0 ? -errno : 0;
  act_for_self();
  return err ? err : answer_created(server, fd, fd, O_RDWR);
}
