/*
 * The keeper's side of a share: carries out FUSE requests on one file system.
 *
 * What it is asked may be anything: lengths and names are checked here before an operation sees them, and no operation
 * leaves the file system. A node is named by its file handle, so any server of the same file system can go on
 * where another one ended. What is kept is only what OPEN and SETLK asked for, and that has a limit.
 */
#ifndef SHARE_SERVER_H
#define SHARE_SERVER_H

#include "base.h"

#include <linux/fuse.h>

#define SHARE_DATA_BYTES_MAX (128u * 1024)
/* The largest request: a WRITE. */
#define SHARE_REQUEST_BYTES_MAX (SHARE_DATA_BYTES_MAX + 4096)

struct open_node;
struct lock_owner;

struct server {
  int top; /* the file system's top directory, open for reading */
  int mount_id;
  uint32_t top_ino;
  unsigned fudge; /* see share_nodes.c */
  bool changed;   /* and not synced since */
  struct open_node *opens[256];
  struct lock_owner *locks;
  size_t opens_count, locks_count;
  uint8_t *reply; /* SHARE_DATA_BYTES_MAX of room for the answer's body */
};

struct call {
  const struct fuse_in_header *head;
  const void *in;         /* the operation's fixed part, whole */
  const char *name[2];    /* the names after it */
  const uint8_t *data;    /* and what follows them */
  size_t data_len;
};

/* False, with errno, if `top` is no file system that can be served. Takes the descriptor. */
bool server_open(struct server *server, int top);
void server_close(struct server *server);
/* The length of the answer's body, or a negative errno, or SERVER_SILENT; the request is whole, and aligned for its structures. */
#define SERVER_SILENT INT_MIN
int server_run(struct server *server, const void *request, size_t len);
/* Locks go, open files stay: until the next server of the same share has them open, they need someone who does. */
void server_drop_locks(struct server *server);
/* Until `in` ends (true), or brings what is no request (false). */
bool server_loop(struct server *server, int in, int out);

/* share_nodes.c */
#define NODE_IS_DIR 4 /* besides 1, for reading, and 2, for writing */
/* O_PATH. */
int node_path(const struct server *server, uint64_t id);
/* The same node for reading or writing, only a regular file or (for reading) a directory. A negative errno if it can't be had. */
int node_file(const struct server *server, uint64_t id, int access);
/* As node_file, or what OPEN holds; to be given back with node_done. */
int node_borrow(const struct server *server, uint64_t id, int access);
void node_done(const struct server *server, uint64_t id, int fd);
int node_hold(struct server *server, uint64_t id, int access);
/* Takes `fd`. */
int node_hold_fd(struct server *server, uint64_t id, int access, int fd);
void node_release(struct server *server, uint64_t id, int kind);
void nodes_free(struct server *server);
/* `fd` may be O_PATH. */
int node_attr(struct server *server, int fd, struct fuse_attr *attr);
int node_entry(struct server *server, int fd, struct fuse_entry_out *entry);
/* Clears set-user-id, and set-group-id where it means that. */
int node_drop_privileges(int fd);

/* One per operation. */
#define SHARE_OP(name) int name(struct server *server, const struct call *call)
SHARE_OP(share_lookup);
SHARE_OP(share_getattr);
SHARE_OP(share_setattr);
SHARE_OP(share_readlink);
SHARE_OP(share_symlink);
SHARE_OP(share_mknod);
SHARE_OP(share_mkdir);
SHARE_OP(share_unlink);
SHARE_OP(share_rmdir);
SHARE_OP(share_rename);
SHARE_OP(share_rename2);
SHARE_OP(share_link);
SHARE_OP(share_open);
SHARE_OP(share_opendir);
SHARE_OP(share_read);
SHARE_OP(share_write);
SHARE_OP(share_statfs);
SHARE_OP(share_release);
SHARE_OP(share_releasedir);
SHARE_OP(share_fsync);
SHARE_OP(share_fsyncdir);
SHARE_OP(share_setxattr);
SHARE_OP(share_getxattr);
SHARE_OP(share_listxattr);
SHARE_OP(share_removexattr);
SHARE_OP(share_readdir);
SHARE_OP(share_getlk);
SHARE_OP(share_setlk);
SHARE_OP(share_create);
SHARE_OP(share_tmpfile);
SHARE_OP(share_fallocate);
SHARE_OP(share_lseek);
SHARE_OP(share_copy_file_range);

#endif
