/*
 * Nodes are named by ext4's file handle: 32 bits of inode number and 32 of generation, as one number. The top directory
 * is FUSE_ROOT_ID, which is inode 1 of generation 0, and that is never a file.
 */
#include "share_server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <linux/securebits.h>
#include <time.h>
#include <unistd.h>

#define OPENS_MAX 16384
#define DESCRIPTORS_MAX 65536
#define HANDLE_TYPE 1 /* FILEID_INO32_GEN */
/* More than any tick of a guest's clock. */
#define HOT_NS 40000000

struct handle {
  struct file_handle head;
  uint32_t ino, generation;
};

struct open_node {
  struct open_node *next;
  uint64_t id;
  int fd[3]; /* for reading, for writing, a directory; -1 if not held */
};

static struct open_node **slot_of(const struct server *server, uint64_t id) {
  struct open_node *const *at = &server->opens[(id ^ id >> 32 ^ id >> 8) & 255];
  while (*at && (*at)->id != id) at = (struct open_node *const *)&(*at)->next;
  return (struct open_node **)at;
}

bool server_open(struct server *server, int top) {
  struct stat stat;
  struct handle handle = {.head.handle_bytes = 8};
  *server = (struct server){.top = top};
  if (fstat(top, &stat) != 0 || name_to_handle_at(top, "", &handle.head, &server->mount_id, AT_EMPTY_PATH) != 0) return false;
  if (handle.head.handle_type != HANDLE_TYPE || handle.head.handle_bytes != 8) return errno = EOPNOTSUPP, false;
  server->top_ino = handle.ino;
  server->reply = must_calloc(1, SHARE_DATA_BYTES_MAX);
  struct rlimit limit = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};
  setrlimit(RLIMIT_NOFILE, &limit);
  /* New files are made under their owner's ids, while what may be done is decided at the other end. */
  if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0) return false;
  return true;
}

void server_close(struct server *server) {
  server_drop_locks(server);
  nodes_free(server);
  free(server->reply);
  close_fd(&server->top);
}

static int open_handle(const struct server *server, uint64_t id, int flags) {
  if (id == FUSE_ROOT_ID) {
    int fd = openat(server->top, ".", flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
  }
  struct handle handle = {
      .head = {.handle_bytes = 8, .handle_type = HANDLE_TYPE}, .ino = (uint32_t)id, .generation = (uint32_t)(id >> 32)};
  int fd = open_by_handle_at(server->top, &handle.head, flags | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int node_path(const struct server *server, uint64_t id) { return open_handle(server, id, O_PATH | O_NOFOLLOW); }

int node_file(const struct server *server, uint64_t id, int access) {
  /* To open a device or a FIFO would do something; a node's type never changes. */
  AUTO_CLOSE int path = node_path(server, id);
  struct stat stat;
  if (path < 0) return path;
  if (fstat(path, &stat) != 0) return -errno;
  if (S_ISDIR(stat.st_mode)) return access == O_RDONLY ? open_handle(server, id, O_RDONLY | O_DIRECTORY) : -EISDIR;
  if (!S_ISREG(stat.st_mode)) return -EINVAL;
  return open_handle(server, id, (access == O_RDONLY ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOFOLLOW);
}

int node_borrow(const struct server *server, uint64_t id, int access) {
  const struct open_node *node = *slot_of(server, id);
  if (node && node->fd[1] >= 0) return node->fd[1];
  if (node && access == O_RDONLY && node->fd[0] >= 0) return node->fd[0];
  if (node && access == O_RDONLY && node->fd[2] >= 0) return node->fd[2];
  return node_file(server, id, access);
}

void node_done(const struct server *server, uint64_t id, int fd) {
  const struct open_node *node = *slot_of(server, id);
  for (int i = 0; node && i < 3; i++)
    if (node->fd[i] == fd) return;
  if (fd >= 0) close(fd);
}

static int index_of(int kind) { return kind == NODE_IS_DIR ? 2 : kind == O_RDONLY ? 0 : 1; }

int node_hold_fd(struct server *server, uint64_t id, int kind, int fd) {
  struct open_node **at = slot_of(server, id);
  if (!*at) {
    if (server->opens_count == OPENS_MAX) {
      close(fd);
      return -ENFILE;
    }
    struct open_node *node = must_calloc(1, sizeof *node);
    *node = (struct open_node){.id = id, .fd = {-1, -1, -1}};
    *at = node;
    server->opens_count++;
  }
  int *held = &(*at)->fd[index_of(kind)];
  if (*held >= 0) close(fd);
  else *held = fd;
  return 0;
}

int node_hold(struct server *server, uint64_t id, int kind) {
  const struct open_node *node = *slot_of(server, id);
  if (node && node->fd[index_of(kind)] >= 0) return 0;
  int fd = node_file(server, id, kind == NODE_IS_DIR ? O_RDONLY : kind);
  return fd < 0 ? fd : node_hold_fd(server, id, kind, fd);
}

static void free_node(struct server *server, struct open_node **at) {
  struct open_node *node = *at;
  for (int i = 0; i < 3; i++) close_fd(&node->fd[i]);
  *at = node->next;
  free(node);
  server->opens_count--;
}

void node_release(struct server *server, uint64_t id, int kind) {
  struct open_node **at = slot_of(server, id);
  if (!*at) return;
  close_fd(&(*at)->fd[index_of(kind)]);
  if ((*at)->fd[0] < 0 && (*at)->fd[1] < 0 && (*at)->fd[2] < 0) free_node(server, at);
}

void nodes_free(struct server *server) {
  for (size_t i = 0; i < 256; i++)
    while (server->opens[i]) free_node(server, &server->opens[i]);
}

/*
 * The other kernel throws away what it has read of a file once the file's time or size is another one. The time only
 * changes with each tick of the clock: a second write within it would go unseen. So the time of a file
 * that has just been written is never told twice, but a few nanoseconds off. One that was set by hand differs from the
 * time of the change, and is told as it is.
 */
static uint32_t told_ns(struct server *server, const struct stat *stat) {
  uint32_t ns = (uint32_t)stat->st_mtim.tv_nsec;
  struct timespec now;
  if (!S_ISREG(stat->st_mode) || stat->st_mtim.tv_sec != stat->st_ctim.tv_sec || stat->st_mtim.tv_nsec != stat->st_ctim.tv_nsec) return ns;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  int64_t since = ((int64_t)now.tv_sec - stat->st_mtim.tv_sec) * 1000000000 + now.tv_nsec - stat->st_mtim.tv_nsec;
  if (since > HOT_NS || since < -HOT_NS) return ns;
  uint32_t off = 1 + server->fudge++ % 997;
  return ns + off < 1000000000 ? ns + off : ns - off;
}

int node_attr(struct server *server, int fd, struct fuse_attr *attr) {
  struct stat stat;
  if (fstat(fd, &stat) != 0) return -errno;
  uint32_t minor_number = minor(stat.st_rdev), major_number = major(stat.st_rdev);
  *attr = (struct fuse_attr){
      .ino = stat.st_ino,
      .size = (uint64_t)stat.st_size,
      .blocks = (uint64_t)stat.st_blocks,
      .atime = (uint64_t)stat.st_atim.tv_sec,
      .mtime = (uint64_t)stat.st_mtim.tv_sec,
      .ctime = (uint64_t)stat.st_ctim.tv_sec,
      .atimensec = (uint32_t)stat.st_atim.tv_nsec,
      .mtimensec = told_ns(server, &stat),
      .ctimensec = (uint32_t)stat.st_ctim.tv_nsec,
      .mode = stat.st_mode,
      .nlink = (uint32_t)stat.st_nlink,
      .uid = stat.st_uid,
      .gid = stat.st_gid,
      .rdev = (minor_number & 0xff) | major_number << 8 | (minor_number & ~0xffu) << 12,
      .blksize = (uint32_t)stat.st_blksize,
  };
  return 0;
}

int node_entry(struct server *server, int fd, struct fuse_entry_out *entry) {
  struct handle handle = {.head.handle_bytes = 8};
  int mount_id;
  *entry = (struct fuse_entry_out){0};
  if (name_to_handle_at(fd, "", &handle.head, &mount_id, AT_EMPTY_PATH) != 0) return -errno;
  if (mount_id != server->mount_id || handle.head.handle_type != HANDLE_TYPE) return -EXDEV;
  entry->nodeid = handle.ino == server->top_ino ? FUSE_ROOT_ID : (uint64_t)handle.generation << 32 | handle.ino;
  return node_attr(server, fd, &entry->attr);
}

int node_drop_privileges(int fd) {
  struct stat stat;
  if (fstat(fd, &stat) != 0) return -errno;
  mode_t mode = stat.st_mode & 07777 & ~(mode_t)S_ISUID;
  if (mode & S_IXGRP) mode &= ~(mode_t)S_ISGID;
  if (!S_ISREG(stat.st_mode) || mode == (stat.st_mode & 07777)) return 0;
  return fchmod(fd, mode) == 0 ? 0 : -errno;
}
