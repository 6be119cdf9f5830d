/* What is done with a node: attributes, content, extended attributes. */
#include "share_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* One call doesn't keep the others waiting for longer than that takes. */
#define COPY_BYTES_MAX (16u << 20)
#define TARGET_BYTES_MAX 4096

static int answer_attr(struct server *server, int fd) {
  struct fuse_attr_out *out = (struct fuse_attr_out *)(void *)server->reply;
  *out = (struct fuse_attr_out){0};
  int err = node_attr(server, fd, &out->attr);
  return err ? err : (int)sizeof *out;
}

int share_getattr(struct server *server, const struct call *call) {
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  return fd < 0 ? fd : answer_attr(server, fd);
}

/* The name by which calls without a form for descriptors reach what `fd` means, be it a symbolic link. */
struct fd_path {
  char text[32];
};
static struct fd_path path_of(int fd) {
  struct fd_path path;
  snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", fd);
  return path;
}

static int set_size(struct server *server, const struct call *call, const struct fuse_setattr_in *in) {
  int fd = node_borrow(server, call->head->nodeid, O_RDWR);
  if (fd < 0) return fd;
  int err = in->valid & FATTR_KILL_SUIDGID ? node_drop_privileges(fd) : 0;
  if (!err && ftruncate(fd, (off_t)in->size) != 0) err = -errno;
  node_done(server, call->head->nodeid, fd);
  return err;
}

static struct timespec time_of(uint32_t valid, uint32_t given, uint32_t now, uint64_t sec, uint32_t nsec) {
  if (valid & now) return (struct timespec){.tv_nsec = UTIME_NOW};
  if (valid & given) return (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)nsec};
  return (struct timespec){.tv_nsec = UTIME_OMIT};
}

int share_setattr(struct server *server, const struct call *call) {
  const struct fuse_setattr_in *in = call->in;
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  uid_t uid = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
  gid_t gid = in->valid & FATTR_GID ? in->gid : (gid_t)-1;
  if (in->valid & (FATTR_UID | FATTR_GID) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0) return -errno;
  if (in->valid & FATTR_MODE) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) return -errno;
    if (S_ISLNK(stat.st_mode)) return -EOPNOTSUPP;
    if (fchmodat(AT_FDCWD, path_of(fd).text, in->mode & 07777, 0) != 0) return -errno;
  }
  if (in->valid & FATTR_SIZE) {
    int err = set_size(server, call, in);
    if (err) return err;
  }
  if (in->valid & (FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW | FATTR_MTIME_NOW)) {
    struct timespec times[2] = {time_of(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec),
                                time_of(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec)};
    if (utimensat(fd, "", times, AT_EMPTY_PATH) != 0) return -errno;
  }
  return answer_attr(server, fd);
}

int share_readlink(struct server *server, const struct call *call) {
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  ssize_t len = readlinkat(fd, "", (char *)server->reply, TARGET_BYTES_MAX);
  return len < 0 ? -errno : (int)len;
}

int share_open(struct server *server, const struct call *call) {
  const struct fuse_open_in *in = call->in;
  const int access = in->flags & O_ACCMODE;
  const uint64_t id = call->head->nodeid;
  if (access == O_ACCMODE) return -EINVAL;
  int err = node_hold(server, id, access);
  if (err) return err;
  if (in->flags & O_TRUNC && access != O_RDONLY) {
    int fd = node_borrow(server, id, O_RDWR);
    if (fd < 0) return fd;
    if (in->open_flags & FUSE_OPEN_KILL_SUIDGID) node_drop_privileges(fd);
    err = ftruncate(fd, 0) == 0 ? 0 : -errno;
    server->changed = true;
    node_done(server, id, fd);
    if (err) return err;
  }
  *(struct fuse_open_out *)(void *)server->reply = (struct fuse_open_out){.fh = (uint64_t)access};
  return sizeof(struct fuse_open_out);
}

int share_release(struct server *server, const struct call *call) {
  const struct fuse_release_in *in = call->in;
  node_release(server, call->head->nodeid, (in->flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR);
  return 0;
}

int share_read(struct server *server, const struct call *call) {
  const struct fuse_read_in *in = call->in;
  int fd = node_borrow(server, call->head->nodeid, O_RDONLY);
  if (fd < 0) return fd;
  ssize_t len = RETRY(pread(fd, server->reply, in->size < SHARE_DATA_BYTES_MAX ? in->size : SHARE_DATA_BYTES_MAX, (off_t)in->offset));
  int err = len < 0 ? -errno : 0;
  node_done(server, call->head->nodeid, fd);
  return err ? err : (int)len;
}

int share_write(struct server *server, const struct call *call) {
  const struct fuse_write_in *in = call->in;
  if (in->size != call->data_len) return -EINVAL;
  int fd = node_borrow(server, call->head->nodeid, O_RDWR);
  if (fd < 0) return fd;
  int err = in->write_flags & FUSE_WRITE_KILL_SUIDGID ? node_drop_privileges(fd) : 0;
  /* Where the end is, is known here. What comes out of the other's cache has its place. */
  bool append = in->flags & O_APPEND && !(in->write_flags & FUSE_WRITE_CACHE);
  struct iovec part = {(void *)(uintptr_t)call->data, call->data_len};
  ssize_t put = -1;
  if (!err) put = RETRY(pwritev2(fd, &part, 1, (off_t)in->offset, append ? RWF_APPEND : 0));
  if (!err && put < 0) err = -errno;
  node_done(server, call->head->nodeid, fd);
  if (err) return err;
  *(struct fuse_write_out *)(void *)server->reply = (struct fuse_write_out){.size = (uint32_t)put};
  return sizeof(struct fuse_write_out);
}

int share_statfs(struct server *server, const struct call *call) {
  struct statfs stat;
  (void)call;
  if (fstatfs(server->top, &stat) != 0) return -errno;
  *(struct fuse_statfs_out *)(void *)server->reply = (struct fuse_statfs_out){.st = {
      .blocks = stat.f_blocks, .bfree = stat.f_bfree, .bavail = stat.f_bavail, .files = stat.f_files, .ffree = stat.f_ffree,
      .bsize = (uint32_t)stat.f_bsize, .namelen = (uint32_t)stat.f_namelen, .frsize = (uint32_t)stat.f_frsize}};
  return sizeof(struct fuse_statfs_out);
}

int share_fsync(struct server *server, const struct call *call) {
  const struct fuse_fsync_in *in = call->in;
  int fd = node_borrow(server, call->head->nodeid, O_RDONLY);
  if (fd < 0) return fd;
  int err = (in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : -errno;
  node_done(server, call->head->nodeid, fd);
  return err;
}

int share_fallocate(struct server *server, const struct call *call) {
  const struct fuse_fallocate_in *in = call->in;
  int fd = node_borrow(server, call->head->nodeid, O_RDWR);
  if (fd < 0) return fd;
  int err = fallocate(fd, (int)in->mode, (off_t)in->offset, (off_t)in->length) == 0 ? 0 : -errno;
  node_done(server, call->head->nodeid, fd);
  return err;
}

int share_lseek(struct server *server, const struct call *call) {
  const struct fuse_lseek_in *in = call->in;
  if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE) return -EINVAL;
  int fd = node_borrow(server, call->head->nodeid, O_RDONLY);
  if (fd < 0) return fd;
  off_t at = lseek(fd, (off_t)in->offset, (int)in->whence);
  int err = at < 0 ? -errno : 0;
  node_done(server, call->head->nodeid, fd);
  if (err) return err;
  *(struct fuse_lseek_out *)(void *)server->reply = (struct fuse_lseek_out){.offset = (uint64_t)at};
  return sizeof(struct fuse_lseek_out);
}

int share_copy_file_range(struct server *server, const struct call *call) {
  const struct fuse_copy_file_range_in *in = call->in;
  int from = node_borrow(server, call->head->nodeid, O_RDONLY);
  if (from < 0) return from;
  int to = node_borrow(server, in->nodeid_out, O_RDWR), err = to < 0 ? to : 0;
  off_t from_at = (off_t)in->off_in, to_at = (off_t)in->off_out;
  ssize_t put = -1;
  if (!err) put = copy_file_range(from, &from_at, to, &to_at, in->len < COPY_BYTES_MAX ? in->len : COPY_BYTES_MAX, (unsigned)in->flags);
  if (!err && put < 0) err = -errno;
  if (to >= 0) node_done(server, in->nodeid_out, to);
  node_done(server, call->head->nodeid, from);
  if (err) return err;
  *(struct fuse_write_out *)(void *)server->reply = (struct fuse_write_out){.size = (uint32_t)put};
  return sizeof(struct fuse_write_out);
}

int share_setxattr(struct server *server, const struct call *call) {
  const struct fuse_setxattr_in *in = call->in;
  if (in->size != call->data_len) return -EINVAL;
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  if (setxattr(path_of(fd).text, call->name[0], call->data, call->data_len, (int)in->flags) != 0) return -errno;
  if (in->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) return -errno;
    if (stat.st_mode & S_ISGID && fchmodat(AT_FDCWD, path_of(fd).text, stat.st_mode & 07777 & ~(mode_t)S_ISGID, 0) != 0) return -errno;
  }
  return 0;
}

/* Size 0 asks only for the length. */
static int answer_xattr(struct server *server, uint32_t size, ssize_t len) {
  if (len < 0) return -errno;
  if (size) return (int)len;
  *(struct fuse_getxattr_out *)(void *)server->reply = (struct fuse_getxattr_out){.size = (uint32_t)len};
  return sizeof(struct fuse_getxattr_out);
}

static size_t xattr_room(uint32_t size) { return size < SHARE_DATA_BYTES_MAX ? size : SHARE_DATA_BYTES_MAX; }

int share_getxattr(struct server *server, const struct call *call) {
  const struct fuse_getxattr_in *in = call->in;
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  return answer_xattr(server, in->size, getxattr(path_of(fd).text, call->name[0], server->reply, xattr_room(in->size)));
}

int share_listxattr(struct server *server, const struct call *call) {
  const struct fuse_getxattr_in *in = call->in;
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  return answer_xattr(server, in->size, listxattr(path_of(fd).text, (char *)server->reply, xattr_room(in->size)));
}

int share_removexattr(struct server *server, const struct call *call) {
  AUTO_CLOSE int fd = node_path(server, call->head->nodeid);
  if (fd < 0) return fd;
  return removexattr(path_of(fd).text, call->name[0]) == 0 ? 0 : -errno;
}
