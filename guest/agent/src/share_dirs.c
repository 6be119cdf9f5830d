/* Directories: a place in one is ext4's own, and holds for any descriptor of it. */
#include "share_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int share_opendir(struct server *server, const struct call *call) {
  int err = node_hold(server, call->head->nodeid, NODE_IS_DIR);
  if (err) return err == -EINVAL ? -ENOTDIR : err;
  *(struct fuse_open_out *)(void *)server->reply = (struct fuse_open_out){0};
  return sizeof(struct fuse_open_out);
}

int share_releasedir(struct server *server, const struct call *call) {
  node_release(server, call->head->nodeid, NODE_IS_DIR);
  return 0;
}

int share_fsyncdir(struct server *server, const struct call *call) { return share_fsync(server, call); }

/* As many whole entries as fit. */
static int list(struct server *server, int fd, uint64_t offset, size_t room) {
  static union {
    uint8_t bytes[32 * 1024];
    struct dirent64 align;
  } raw;
  size_t used = 0;
  if (lseek(fd, (off_t)offset, SEEK_SET) < 0) return -errno;
  for (;;) {
    long got = syscall(SYS_getdents64, fd, raw.bytes, sizeof raw.bytes);
    if (got < 0) return used ? (int)used : -errno;
    if (got == 0) return (int)used;
    for (long at = 0; at < got;) {
      const struct dirent64 *entry = (const struct dirent64 *)(void *)(raw.bytes + at);
      size_t len = strlen(entry->d_name), need = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);
      if (used + need > room) return used ? (int)used : -EINVAL;
      struct fuse_dirent *out = (struct fuse_dirent *)(void *)(server->reply + used);
      memset(out, 0, need);
      out->ino = entry->d_ino;
      out->off = (uint64_t)entry->d_off;
      out->namelen = (uint32_t)len;
      out->type = entry->d_type;
      memcpy(out->name, entry->d_name, len);
      used += need;
      at += entry->d_reclen;
    }
  }
}

int share_readdir(struct server *server, const struct call *call) {
  const struct fuse_read_in *in = call->in;
  int fd = node_borrow(server, call->head->nodeid, O_RDONLY);
  if (fd < 0) return fd == -EINVAL ? -ENOTDIR : fd;
  int result = list(server, fd, in->offset, in->size < SHARE_DATA_BYTES_MAX ? in->size : SHARE_DATA_BYTES_MAX);
  node_done(server, call->head->nodeid, fd);
  return result;
}
