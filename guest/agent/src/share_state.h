/*
 * What a share's processes hold at the keeper: files they have open, locks they were granted. Told to each keeper anew.
 *
 * A keeper's server knows of one open for reading, one for writing, of each node: how many there are is counted here.
 */
#ifndef SHARE_STATE_H
#define SHARE_STATE_H

#include "base.h"

#include <linux/fuse.h>

/* Messages of the front's own; what answers them nobody waits for. The kernel's own numbers are even. */
#define NO_ANSWER 1

enum open_kind { OPEN_READ, OPEN_WRITE, OPEN_DIR, OPEN_KINDS };

enum open_kind open_kind_of(uint32_t flags);
void opens_add(uint64_t id, enum open_kind kind);
/* Adds what the keeper must be told, if this was the last one, to `out`. */
void opens_remove(uint64_t id, enum open_kind kind, struct buf *out);

/* What SETLK set, or took away. */
void grants_set(uint64_t id, const struct fuse_lk_in *lock);
/* An owner is done with a node. Adds what the keeper must be told to `out`. */
void grants_drop(uint64_t id, uint64_t owner, bool whole, struct buf *out);

void share_message(struct buf *out, uint32_t opcode, uint64_t id, const void *body, size_t len);
/* All of it, as messages for a keeper that knows nothing. */
void share_state_tell(struct buf *out);

#endif
