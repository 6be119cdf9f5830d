#include "logs.h"

#include <stdlib.h>

/* What an entry costs besides its bytes: a writer of single bytes may not take 40 times the limit. */
#define COST(len) (sizeof(struct log_entry) + 16 + (len))

void logs_init(struct logs *logs, size_t held_bytes_max) {
  memset(logs, 0, sizeof *logs);
  logs->held_bytes_max = held_bytes_max;
}

size_t logs_room(const struct logs *logs) {
  if (!logs->first) return LOG_ENTRY_BYTES_MAX;
  if (logs->held_bytes + COST(1) > logs->held_bytes_max) return 0;
  size_t room = logs->held_bytes_max - logs->held_bytes - COST(0);
  return room < LOG_ENTRY_BYTES_MAX ? room : LOG_ENTRY_BYTES_MAX;
}

void logs_add(struct logs *logs, uint8_t stream, int64_t time_ns, const void *data, size_t len) {
  if (len == 0) return;
  struct log_entry *entry = must_calloc(1, sizeof *entry + len);
  entry->offset = logs->end_offset;
  entry->time_ns = time_ns;
  entry->len = (uint32_t)len;
  entry->stream = stream;
  memcpy(entry->bytes, data, len);
  if (logs->last) logs->last->next = entry;
  else logs->first = entry;
  logs->last = entry;
  if (!logs->cursor) logs->cursor = entry;
  logs->end_offset += len;
  logs->held_bytes += COST(len);
}

void logs_ack(struct logs *logs, uint64_t offset) {
  while (logs->first && logs->first->offset + logs->first->len <= offset) {
    struct log_entry *entry = logs->first;
    logs->first = entry->next;
    if (!logs->first) logs->last = NULL;
    if (logs->cursor == entry) logs->cursor = entry->next;
    logs->held_bytes -= COST(entry->len);
    free(entry);
  }
}

void logs_rewind(struct logs *logs) { logs->cursor = logs->first; }

const struct log_entry *logs_next(struct logs *logs) {
  struct log_entry *entry = logs->cursor;
  if (entry) logs->cursor = entry->next;
  return entry;
}

void log_head(uint8_t head[LOG_FRAME_HEAD_BYTES], const struct log_entry *entry) {
  put_u64(head, entry->offset);
  put_u64(head + 8, (uint64_t)entry->time_ns);
  head[16] = entry->stream;
}

void logs_free(struct logs *logs) { logs_ack(logs, UINT64_MAX); }
