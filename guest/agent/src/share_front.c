#include "share_front.h"

#include "share_server.h"
#include "share_state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Then the kernel keeps further requests. */
#define PENDING_BYTES_MAX (8u << 20)
#define OUT_BYTES_MAX (256u * 1024)
#define RETRY_MS_MIN 5
#define RETRY_MS_MAX 100
/* How soon a killed process is let go that waits for an answer. */
#define LOOK_MS 200
/* A request that ends each server of this VM's own it is given to is no good. */
#define LOCAL_TRIES_MAX 4

struct pending {
  struct pending *next;
  bool sent;
  bool gone;        /* its process waits no more; what the answer says was done is undone */
  bool interrupted;
  bool waits;       /* SETLKW */
  int retry_ms;
  int64_t not_before_ms;
  int local_tries;
  size_t len; /* head and rest */
  struct fuse_in_header head;
  uint8_t rest[];
};

static int fuse_fd, link_fd = -1;
static bool is_local;
static struct pending *first, **last = &first;
static size_t pending_bytes;
static struct buf out, in;

static int64_t now_ms(void) { return monotonic_ns() / 1000000; }
static const void *body_of(const struct pending *pending) { return pending->rest; }

static void remove_pending(struct pending **at) {
  struct pending *pending = *at;
  *at = pending->next;
  if (last == &pending->next) last = at;
  pending_bytes -= pending->len;
  free(pending);
}

static void answer(uint64_t unique, int error, const void *body, size_t len) {
  struct fuse_out_header head = {.len = (uint32_t)(sizeof head + len), .error = error, .unique = unique};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)body, len}};
  /* ENOENT: it waits no more. What the kernel finds wrong with an answer ends the request as EIO there. */
  RETRY(writev(fuse_fd, parts, 2));
}

static void answer_init(const struct fuse_in_header *head, const struct fuse_init_in *in_body) {
  const uint32_t wanted = FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DONT_MASK |
                          FUSE_FLOCK_LOCKS | FUSE_AUTO_INVAL_DATA | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_POSIX_ACL |
                          FUSE_MAX_PAGES | FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT;
  struct fuse_init_out body = {
      .major = FUSE_KERNEL_VERSION,
      .minor = FUSE_KERNEL_MINOR_VERSION,
      .max_readahead = in_body->max_readahead < SHARE_DATA_BYTES_MAX ? in_body->max_readahead : SHARE_DATA_BYTES_MAX,
      .flags = in_body->flags & wanted,
      .max_background = 64,
      .congestion_threshold = 48,
      .max_write = SHARE_DATA_BYTES_MAX,
      .time_gran = 1,
      .max_pages = SHARE_DATA_BYTES_MAX / 4096,
  };
  answer(head->unique, 0, &body, sizeof body);
}

static void let_go(struct pending **at, int error);

static void unlink_end(void) {
  close_fd(&link_fd);
  buf_free(&out);
  buf_free(&in);
  for (struct pending **at = &first; *at;) {
    struct pending *pending = *at;
    if (pending->gone) {
      remove_pending(at);
      continue;
    }
    if (pending->sent && is_local && ++pending->local_tries >= LOCAL_TRIES_MAX) {
      answer(pending->head.unique, -EIO, NULL, 0);
      remove_pending(at);
      continue;
    }
    pending->sent = false;
    pending->not_before_ms = 0;
    if (pending->waits && pending->interrupted) let_go(at, -EINTR);
    else at = &pending->next;
  }
}

/* Whoever is connected next is told anyway. */
static struct buf *told(void) {
  static struct buf nobody;
  buf_free(&nobody);
  return link_fd >= 0 ? &out : &nobody;
}

/* What the request changed at the keeper, once it has said so. */
static void note_done(const struct pending *pending, int error, const uint8_t *body, size_t len) {
  const struct fuse_in_header *head = &pending->head;
  const struct fuse_open_in *open = body_of(pending);
  switch (head->opcode) {
    case FUSE_OPEN:
    case FUSE_OPENDIR:
      /* Counted when it was asked for. */
      if (error || pending->gone) opens_remove(head->nodeid, head->opcode == FUSE_OPENDIR ? OPEN_DIR : open_kind_of(open->flags), told());
      break;
    case FUSE_CREATE:
    case FUSE_TMPFILE:
      if (error || len < sizeof(struct fuse_entry_out)) break;
      struct fuse_entry_out entry;
      memcpy(&entry, body, sizeof entry);
      /* `flags` is first in both. */
      opens_add(entry.nodeid, open_kind_of(open->flags));
      if (pending->gone) opens_remove(entry.nodeid, open_kind_of(open->flags), told());
      break;
    case FUSE_SETLK: {
      const struct fuse_lk_in *lock = body_of(pending);
      if (error) break;
      grants_set(head->nodeid, lock);
      if (pending->gone && lock->lk.type != F_UNLCK) grants_drop(head->nodeid, lock->owner, lock->lk_flags & FUSE_LK_FLOCK, told());
      break;
    }
    default: break;
  }
}

/* The process gets its answer now. The entry stays for as long as the keeper may still carry the request out. */
static void let_go(struct pending **at, int error) {
  struct pending *pending = *at;
  answer(pending->head.unique, error, NULL, 0);
  pending->gone = true;
  if (pending->sent) return;
  note_done(pending, error, NULL, 0);
  remove_pending(at);
}

/* Whether the thread has been killed: then nothing else would bring it out of the wait. */
static bool is_dying(uint32_t pid) {
  char path[32], text[4096];
  snprintf(path, sizeof path, "/proc/%u/status", pid);
  if (pid == 0 || read_file_at(AT_FDCWD, path, text, sizeof text) <= 0) return false;
  const char *at = strstr(text, "\nSigPnd:");
  return at && strtoull(at + 8, NULL, 16) >> (SIGKILL - 1) & 1;
}

static void look_for_dying(bool all) {
  for (struct pending **at = &first, *pending; (pending = *at);) {
    if (!pending->gone && (all || pending->interrupted) && is_dying(pending->head.pid)) let_go(at, -EINTR);
    if (*at == pending) at = &pending->next;
  }
}

static void interrupt(uint64_t unique) {
  for (struct pending **at = &first; *at; at = &(*at)->next) {
    struct pending *pending = *at;
    if (pending->head.unique != unique || pending->gone) continue;
    pending->interrupted = true;
    /* Any signal ends the wait for a lock; from other calls on a file no process expects that. */
    if (pending->waits && !pending->sent) let_go(at, -EINTR);
    return;
  }
}

/* Adds to what waits for an answer. */
static void keep(const struct fuse_in_header *head, size_t len) {
  struct pending *pending = must_calloc(1, sizeof *pending + len);
  pending->head = *head;
  memcpy(pending->rest, head + 1, len - sizeof *head);
  pending->len = len;
  if (head->opcode == FUSE_SETLKW) {
    pending->head.opcode = FUSE_SETLK;
    pending->waits = true;
    pending->retry_ms = RETRY_MS_MIN;
  }
  *last = pending;
  last = &pending->next;
  pending_bytes += len;
}

/* One request of the kernel's, which is right about lengths. */
static void take_request(const struct fuse_in_header *head, size_t len) {
  const void *body = head + 1;
  const struct fuse_release_in *release = body;
  switch (head->opcode) {
    case FUSE_INIT: answer_init(head, body); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET: break;
    case FUSE_INTERRUPT: interrupt(((const struct fuse_interrupt_in *)body)->unique); break;
    case FUSE_DESTROY: answer(head->unique, 0, NULL, 0); break;
    case FUSE_FLUSH:
      /* Writing isn't delayed, so only the locks are left to do: a process' end waits for nobody. */
      grants_drop(head->nodeid, ((const struct fuse_flush_in *)body)->lock_owner, false, told());
      answer(head->unique, 0, NULL, 0);
      break;
    case FUSE_RELEASE:
      if (release->release_flags & FUSE_RELEASE_FLOCK_UNLOCK) grants_drop(head->nodeid, release->lock_owner, true, told());
      opens_remove(head->nodeid, open_kind_of(release->flags), told());
      answer(head->unique, 0, NULL, 0);
      break;
    case FUSE_RELEASEDIR:
      opens_remove(head->nodeid, OPEN_DIR, told());
      answer(head->unique, 0, NULL, 0);
      break;
    case FUSE_OPEN: opens_add(head->nodeid, open_kind_of(((const struct fuse_open_in *)body)->flags)); keep(head, len); break;
    case FUSE_OPENDIR: opens_add(head->nodeid, OPEN_DIR); keep(head, len); break;
    default: keep(head, len);
  }
}

static void read_requests(void) {
  static union {
    struct fuse_in_header head;
    uint8_t bytes[SHARE_REQUEST_BYTES_MAX];
  } request;
  while (pending_bytes < PENDING_BYTES_MAX) {
    ssize_t got = read(fuse_fd, &request, sizeof request);
    /* ENOENT: it was withdrawn just now. */
    if (got < 0 && (errno == EINTR || errno == ENOENT)) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < (ssize_t)sizeof request.head) _exit(0);
    take_request(&request.head, (size_t)got);
  }
}

static bool due(const struct pending *pending, int64_t now) { return !pending->sent && !pending->gone && pending->not_before_ms <= now; }

/* Gives as much as the other end takes. */
static void send_requests(void) {
  int64_t now = now_ms();
  for (struct pending *pending = first; link_fd >= 0 && pending && out.len < OUT_BYTES_MAX; pending = pending->next) {
    if (!due(pending, now)) continue;
    buf_add(&out, &pending->head, sizeof pending->head);
    buf_add(&out, pending->rest, pending->len - sizeof pending->head);
    pending->sent = true;
  }
  while (link_fd >= 0 && out.len) {
    ssize_t put = RETRY(send(link_fd, buf_at(&out), out.len, MSG_NOSIGNAL | MSG_DONTWAIT));
    if (put < 0 && errno == EAGAIN) return;
    if (put < 0) unlink_end();
    else buf_drop(&out, (size_t)put);
  }
}

static void take_answer(const uint8_t *bytes, const struct fuse_out_header *head) {
  struct pending **at = &first;
  while (*at && ((*at)->head.unique != head->unique || !(*at)->sent)) at = &(*at)->next;
  struct pending *pending = *at;
  if (!pending) return;
  if (pending->waits && !pending->gone && head->error == -EAGAIN) {
    pending->sent = false;
    if (pending->interrupted) {
      let_go(at, -EINTR);
      return;
    }
    pending->not_before_ms = now_ms() + pending->retry_ms;
    pending->retry_ms = pending->retry_ms * 2 < RETRY_MS_MAX ? pending->retry_ms * 2 : RETRY_MS_MAX;
    return;
  }
  note_done(pending, head->error, bytes + sizeof *head, head->len - sizeof *head);
  if (!pending->gone) {
    /* An answer the kernel won't have ends the request all the same. */
    ssize_t put = RETRY(write(fuse_fd, bytes, head->len));
    if (put < 0 && errno != ENOENT) answer(head->unique, -EIO, NULL, 0);
  }
  remove_pending(at);
}

static void read_answers(void) {
  const size_t most = sizeof(struct fuse_out_header) + SHARE_DATA_BYTES_MAX;
  ssize_t got = RETRY(recv(link_fd, buf_room(&in, 64 * 1024), 64 * 1024, MSG_DONTWAIT));
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    unlink_end();
    return;
  }
  buf_grew(&in, (size_t)got);
  for (struct fuse_out_header head; in.len >= sizeof head;) {
    memcpy(&head, buf_at(&in), sizeof head);
    if (head.len < sizeof head || head.len > most) {
      unlink_end();
      return;
    }
    if (in.len < head.len) return;
    take_answer(buf_at(&in), &head);
    buf_drop(&in, head.len);
  }
}

static void read_order(int control) {
  char order;
  struct iovec part = {&order, 1};
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } extra;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
  ssize_t got = RETRY(recvmsg(control, &message, MSG_CMSG_CLOEXEC));
  if (got <= 0) _exit(0);
  const struct cmsghdr *given = CMSG_FIRSTHDR(&message);
  if (!given || given->cmsg_type != SCM_RIGHTS) return;
  unlink_end();
  memcpy(&link_fd, CMSG_DATA(given), sizeof link_fd);
  is_local = order == FRONT_LOCAL;
  share_state_tell(&out);
}

/* Until when nothing is to be done but what comes by itself. */
static int wait_ms(void) {
  int64_t now = now_ms(), until = INT64_MAX;
  bool full = pending_bytes >= PENDING_BYTES_MAX;
  for (const struct pending *pending = first; pending; pending = pending->next) {
    if (pending->interrupted || full) until = until < now + LOOK_MS ? until : now + LOOK_MS;
    if (!pending->sent && pending->not_before_ms > now && pending->not_before_ms < until) until = pending->not_before_ms;
  }
  return until == INT64_MAX ? -1 : (int)(until - now);
}

bool front_order(int control, enum front_order what, int fd) {
  char letter = (char)what;
  struct iovec part = {&letter, 1};
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } extra = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
  struct cmsghdr *given = CMSG_FIRSTHDR(&message);
  given->cmsg_level = SOL_SOCKET;
  given->cmsg_type = SCM_RIGHTS;
  given->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(given), &fd, sizeof fd);
  return RETRY(sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT)) == 1;
}

_Noreturn void front_run(int fuse, int control) {
  fuse_fd = fuse;
  fcntl(fuse, F_SETFL, O_NONBLOCK);
  /* Memory may be short because this file system has pages to write. */
  prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
  int64_t looked = 0;
  for (;;) {
    struct pollfd fds[] = {
        {.fd = control, .events = POLLIN},
        {.fd = pending_bytes < PENDING_BYTES_MAX ? fuse : -1, .events = POLLIN},
        {.fd = link_fd, .events = (short)(POLLIN | (out.len ? POLLOUT : 0))},
    };
    if (RETRY(poll(fds, 3, wait_ms())) < 0) _exit(1);
    if (fds[0].revents) read_order(control);
    else if (fds[2].revents) read_answers();
    if (fds[1].revents) read_requests();
    if (now_ms() - looked >= LOOK_MS) {
      look_for_dying(pending_bytes >= PENDING_BYTES_MAX);
      looked = now_ms();
    }
    send_requests();
  }
}
