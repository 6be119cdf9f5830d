/*
 * What a container wrote, from the first entry that the host has not yet acknowledged.
 *
 * Bounded: a full log takes nothing more, and so the container waits in its write. An entry's offset counts payload
 * bytes since the container's start; offsets never go back. Acknowledged entries are freed; the cursor is where the
 * present reader is.
 */
#ifndef LOGS_H
#define LOGS_H

#include "base.h"

struct log_entry {
  struct log_entry *next;
  uint64_t offset;
  int64_t time_ns;
  uint32_t len;
  uint8_t stream; /* 1 stdout, 2 stderr */
  uint8_t bytes[];
};

struct logs {
  struct log_entry *first, *last, *cursor;
  uint64_t end_offset;
  size_t held_bytes, held_bytes_max;
};

#define LOG_ENTRY_BYTES_MAX (16 * 1024)
#define LOG_FRAME_HEAD_BYTES 17

void logs_init(struct logs *logs, size_t held_bytes_max);
/* How many bytes may be added now; 0: full. */
size_t logs_room(const struct logs *logs);
void logs_add(struct logs *logs, uint8_t stream, int64_t time_ns, const void *data, size_t len);
/* Every entry that ends at or before `offset` is durable at the host. */
void logs_ack(struct logs *logs, uint64_t offset);
void logs_rewind(struct logs *logs);
/* The cursor's entry, and the cursor moves on; NULL at the end. */
const struct log_entry *logs_next(struct logs *logs);
void log_head(uint8_t head[LOG_FRAME_HEAD_BYTES], const struct log_entry *entry);
void logs_free(struct logs *logs);

#endif
