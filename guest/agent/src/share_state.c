#include "share_state.h"

#include <fcntl.h>
#include <stdlib.h>

struct opened {
  struct opened *next;
  uint64_t id;
  uint32_t count[OPEN_KINDS];
};

/* For an owner these never overlap. */
struct grant {
  struct grant *next;
  uint64_t id, owner;
  bool whole; /* flock */
  uint32_t type;
  uint64_t start, end;
};

static struct opened *opens[1024];
static struct grant *grants;

static struct opened **find(uint64_t id) {
  struct opened **at = &opens[(id ^ id >> 32 ^ id >> 10) & 1023];
  while (*at && (*at)->id != id) at = &(*at)->next;
  return at;
}

enum open_kind open_kind_of(uint32_t flags) { return (flags & O_ACCMODE) == O_RDONLY ? OPEN_READ : OPEN_WRITE; }

void opens_add(uint64_t id, enum open_kind kind) {
  struct opened **at = find(id);
  if (!*at) {
    *at = must_calloc(1, sizeof **at);
    (*at)->id = id;
  }
  (*at)->count[kind]++;
}

static bool same(const struct grant *grant, uint64_t id, uint64_t owner, bool whole) {
  return grant->id == id && grant->owner == owner && grant->whole == whole;
}

static void add_grant(const struct grant *model, uint32_t type, uint64_t start, uint64_t end) {
  struct grant *grant = must_calloc(1, sizeof *grant);
  *grant = *model;
  grant->type = type;
  grant->start = start;
  grant->end = end;
  grant->next = grants;
  grants = grant;
}

void grants_set(uint64_t id, const struct fuse_lk_in *lock) {
  const struct grant model = {.id = id, .owner = lock->owner, .whole = lock->lk_flags & FUSE_LK_FLOCK};
  uint64_t start = model.whole ? 0 : lock->lk.start, end = model.whole ? INT64_MAX : lock->lk.end;
  struct grant *rests = NULL;
  for (struct grant **at = &grants; *at;) {
    struct grant *old = *at;
    if (!same(old, id, model.owner, model.whole) || old->end < start || old->start > end) {
      at = &old->next;
      continue;
    }
    *at = old->next;
    old->next = rests;
    rests = old;
  }
  while (rests) {
    struct grant *old = rests;
    rests = old->next;
    if (old->start < start) add_grant(&model, old->type, old->start, start - 1);
    if (old->end > end) add_grant(&model, old->type, end + 1, old->end);
    free(old);
  }
  if (lock->lk.type != F_UNLCK) add_grant(&model, lock->lk.type, start, end);
}

static void tell_lock(struct buf *out, const struct grant *grant, uint32_t type, uint64_t start, uint64_t end) {
  struct fuse_lk_in body = {
      .owner = grant->owner, .lk = {.start = start, .end = end, .type = type}, .lk_flags = grant->whole ? FUSE_LK_FLOCK : 0};
  share_message(out, FUSE_SETLK, grant->id, &body, sizeof body);
}

void grants_drop(uint64_t id, uint64_t owner, bool whole, struct buf *out) {
  bool any = false;
  for (struct grant **at = &grants; *at;) {
    struct grant *old = *at;
    if (!same(old, id, owner, whole)) {
      at = &old->next;
      continue;
    }
    if (!any) tell_lock(out, old, F_UNLCK, 0, INT64_MAX);
    any = true;
    *at = old->next;
    free(old);
  }
}

void opens_remove(uint64_t id, enum open_kind kind, struct buf *out) {
  struct opened **at = find(id), *opened = *at;
  if (!opened || opened->count[kind] == 0 || --opened->count[kind] > 0) return;
  struct fuse_release_in body = {.flags = kind == OPEN_WRITE ? O_RDWR : O_RDONLY};
  share_message(out, kind == OPEN_DIR ? FUSE_RELEASEDIR : FUSE_RELEASE, id, &body, sizeof body);
  for (int i = 0; i < OPEN_KINDS; i++)
    if (opened->count[i]) return;
  /* The kernel doesn't tell of the end of a lock that an open file had (F_OFD_SETLK). */
  for (const struct grant *grant = grants, *next; grant; grant = next) {
    next = grant->next;
    if (grant->id != id) continue;
    grants_drop(id, grant->owner, grant->whole, out);
    next = grants;
  }
  *at = opened->next;
  free(opened);
}

void share_message(struct buf *out, uint32_t opcode, uint64_t id, const void *body, size_t len) {
  struct fuse_in_header head = {.len = (uint32_t)(sizeof head + len), .opcode = opcode, .unique = NO_ANSWER, .nodeid = id};
  buf_add(out, &head, sizeof head);
  buf_add(out, body, len);
}

void share_state_tell(struct buf *out) {
  for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++)
    for (const struct opened *opened = opens[i]; opened; opened = opened->next)
      for (int kind = 0; kind < OPEN_KINDS; kind++) {
        struct fuse_open_in body = {.flags = kind == OPEN_WRITE ? O_RDWR : O_RDONLY};
        if (opened->count[kind]) share_message(out, kind == OPEN_DIR ? FUSE_OPENDIR : FUSE_OPEN, opened->id, &body, sizeof body);
      }
  for (const struct grant *grant = grants; grant; grant = grant->next) tell_lock(out, grant, grant->type, grant->start, grant->end);
}
