#include "share_server.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define IDLE_MS 500

/* Names that follow the fixed part. */
enum names { NO_NAME, ONE_NAME, TWO_NAMES, NAME_AND_TEXT, TEXT, TEXT_AND_DATA, DATA };
/* Besides: the file system may be another one afterwards. */
#define CHANGES 0x80

struct op {
  uint32_t opcode;
  uint16_t in_bytes;
  uint8_t names;
  int (*run)(struct server *server, const struct call *call);
};

static int done(struct server *server, const struct call *call) {
  (void)server, (void)call;
  return 0;
}

static int no_ioctl(struct server *server, const struct call *call) {
  (void)server, (void)call;
  return -ENOTTY;
}

static int silent(struct server *server, const struct call *call) {
  (void)server, (void)call;
  return SERVER_SILENT;
}

static const struct op ops[] = {
    {FUSE_LOOKUP, 0, ONE_NAME, share_lookup},
    {FUSE_FORGET, 0, DATA, silent},
    {FUSE_BATCH_FORGET, 0, DATA, silent},
    {FUSE_INTERRUPT, 0, DATA, silent},
    {FUSE_GETATTR, sizeof(struct fuse_getattr_in), NO_NAME, share_getattr},
    {FUSE_SETATTR, sizeof(struct fuse_setattr_in), NO_NAME | CHANGES, share_setattr},
    {FUSE_READLINK, 0, NO_NAME, share_readlink},
    {FUSE_SYMLINK, 0, NAME_AND_TEXT | CHANGES, share_symlink},
    {FUSE_MKNOD, sizeof(struct fuse_mknod_in), ONE_NAME | CHANGES, share_mknod},
    {FUSE_MKDIR, sizeof(struct fuse_mkdir_in), ONE_NAME | CHANGES, share_mkdir},
    {FUSE_UNLINK, 0, ONE_NAME | CHANGES, share_unlink},
    {FUSE_RMDIR, 0, ONE_NAME | CHANGES, share_rmdir},
    {FUSE_RENAME, sizeof(struct fuse_rename_in), TWO_NAMES | CHANGES, share_rename},
    {FUSE_RENAME2, sizeof(struct fuse_rename2_in), TWO_NAMES | CHANGES, share_rename2},
    {FUSE_LINK, sizeof(struct fuse_link_in), ONE_NAME | CHANGES, share_link},
    {FUSE_OPEN, sizeof(struct fuse_open_in), NO_NAME, share_open},
    {FUSE_READ, sizeof(struct fuse_read_in), NO_NAME, share_read},
    {FUSE_WRITE, sizeof(struct fuse_write_in), DATA | CHANGES, share_write},
    {FUSE_STATFS, 0, NO_NAME, share_statfs},
    {FUSE_RELEASE, sizeof(struct fuse_release_in), NO_NAME, share_release},
    {FUSE_FSYNC, sizeof(struct fuse_fsync_in), NO_NAME, share_fsync},
    {FUSE_SETXATTR, sizeof(struct fuse_setxattr_in), TEXT_AND_DATA | CHANGES, share_setxattr},
    {FUSE_GETXATTR, sizeof(struct fuse_getxattr_in), TEXT, share_getxattr},
    {FUSE_LISTXATTR, sizeof(struct fuse_getxattr_in), NO_NAME, share_listxattr},
    {FUSE_REMOVEXATTR, 0, TEXT | CHANGES, share_removexattr},
    {FUSE_FLUSH, sizeof(struct fuse_flush_in), NO_NAME, done},
    {FUSE_OPENDIR, sizeof(struct fuse_open_in), NO_NAME, share_opendir},
    {FUSE_READDIR, sizeof(struct fuse_read_in), NO_NAME, share_readdir},
    {FUSE_RELEASEDIR, sizeof(struct fuse_release_in), NO_NAME, share_releasedir},
    {FUSE_FSYNCDIR, sizeof(struct fuse_fsync_in), NO_NAME, share_fsyncdir},
    {FUSE_GETLK, sizeof(struct fuse_lk_in), NO_NAME, share_getlk},
    {FUSE_SETLK, sizeof(struct fuse_lk_in), NO_NAME, share_setlk},
    {FUSE_CREATE, sizeof(struct fuse_create_in), ONE_NAME | CHANGES, share_create},
    /* With a name that means nothing. */
    {FUSE_TMPFILE, sizeof(struct fuse_create_in), TEXT, share_tmpfile},
    {FUSE_FALLOCATE, sizeof(struct fuse_fallocate_in), NO_NAME | CHANGES, share_fallocate},
    {FUSE_LSEEK, sizeof(struct fuse_lseek_in), NO_NAME, share_lseek},
    {FUSE_COPY_FILE_RANGE, sizeof(struct fuse_copy_file_range_in), NO_NAME | CHANGES, share_copy_file_range},
    {FUSE_IOCTL, 0, DATA, no_ioctl},
};

/* One text with its zero byte. */
static bool take_text(const uint8_t **at, size_t *left, const char **text) {
  const uint8_t *end = *left ? memchr(*at, 0, *left) : NULL;
  if (!end) return false;
  *text = (const char *)*at;
  *left -= (size_t)(end - *at) + 1;
  *at = end + 1;
  return true;
}

static int check_name(const char *name) {
  if (!name[0] || strchr(name, '/')) return -EINVAL;
  return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int take_names(int after, struct call *call, const uint8_t *at, size_t left) {
  int texts = after == TWO_NAMES || after == NAME_AND_TEXT ? 2 : after == NO_NAME || after == DATA ? 0 : 1;
  int names = after == TWO_NAMES ? 2 : after == ONE_NAME || after == NAME_AND_TEXT ? 1 : 0;
  for (int i = 0; i < texts; i++) {
    if (!take_text(&at, &left, &call->name[i])) return -EINVAL;
    int err = i < names ? check_name(call->name[i]) : 0;
    if (err) return err;
  }
  if (left && after != DATA && after != TEXT_AND_DATA) return -EINVAL;
  call->data = at;
  call->data_len = left;
  return 0;
}

int server_run(struct server *server, const void *request, size_t len) {
  struct call call = {.head = request};
  if (len < sizeof *call.head) return -EINVAL;
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    if (ops[i].opcode != call.head->opcode) continue;
    size_t left = len - sizeof *call.head;
    if (left < ops[i].in_bytes) return -EINVAL;
    call.in = call.head + 1;
    int err = take_names(ops[i].names & ~CHANGES, &call, (const uint8_t *)call.in + ops[i].in_bytes, left - ops[i].in_bytes);
    server->changed |= ops[i].names & CHANGES;
    return err ? err : ops[i].run(server, &call);
  }
  return -ENOSYS;
}

/*
 * Those who wrote live on when this VM is killed, and count on what was written: so it is on the disk soon after the last
 * of it, and not only when the kernel's own time for that has come.
 */
static void wait_for_request(struct server *server, int in) {
  struct pollfd more = {.fd = in, .events = POLLIN};
  if (!server->changed || RETRY(poll(&more, 1, IDLE_MS)) != 0) return;
  syncfs(server->top);
  server->changed = false;
}

bool server_loop(struct server *server, int in, int out) {
  union {
    struct fuse_in_header head;
    uint8_t bytes[SHARE_REQUEST_BYTES_MAX];
  } *request = must_calloc(1, sizeof *request);
  bool ok = true;
  while (ok) {
    wait_for_request(server, in);
    if (!read_all(in, request, sizeof request->head)) break;
    uint32_t len = request->head.len;
    if (len < sizeof request->head || len > sizeof *request) ok = false;
    if (!ok || !read_all(in, request->bytes + sizeof request->head, len - sizeof request->head)) break;
    int result = server_run(server, request, len);
    if (result == SERVER_SILENT) continue;
    uint32_t body = result > 0 ? (uint32_t)result : 0;
    struct fuse_out_header head = {
        .len = (uint32_t)sizeof head + body, .error = result < 0 ? result : 0, .unique = request->head.unique};
    struct iovec parts[] = {{&head, sizeof head}, {server->reply, body}};
    ssize_t put = RETRY(writev(out, parts, 2));
    if (put < 0) break;
    size_t part = (size_t)put;
    if (part < sizeof head && !write_all(out, (uint8_t *)&head + part, sizeof head - part)) break;
    size_t begun = part > sizeof head ? part - sizeof head : 0;
    if (!write_all(out, server->reply + begun, body - begun)) break;
  }
  free(request);
  return ok;
}
