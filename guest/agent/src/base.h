/* What every other file uses: faults, allocation that can't fail, a byte buffer, descriptors freed by scope. */
#ifndef BASE_H
#define BASE_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <linux/limits.h>

/* An expected failure: `code` is one of the closed list of packages/base/src/errors.ts. */
struct fault {
  const char *code;
  int err; /* an errno, or 0 */
  char message[384];
};

/* Both fill the fault and give false, so that `return fail(…)` reads as one step. */
bool fail(struct fault *fault, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The code follows from the errno, and ": <its text>" is added to the message. */
bool fail_errno(struct fault *fault, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *errno_name(int err);
/* Go's (and so Docker's) texts begin with a small letter: "no such file or directory". */
const char *errno_text(int err);
int status_of(const char *code);

/* One line to the console, then the end: for PID 1 that is the end of the VM. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *must_calloc(size_t count, size_t size);
void *must_realloc(void *at, size_t size);
char *must_strdup(const char *text);
char *must_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define RETRY(call)                                                                                                    \
  __extension__({                                                                                                      \
    __typeof__(call) retry_result;                                                                                     \
    do retry_result = (call);                                                                                          \
    while (retry_result == -1 && errno == EINTR);                                                                      \
    retry_result;                                                                                                      \
  })

static inline void close_fd_scope(int *fd) {
  extern int close(int);
  if (*fd >= 0) close(*fd);
}
static inline void free_scope(void *at) {
  extern void free(void *);
  free(*(void **)at);
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd_scope)))
#define AUTO_FREE __attribute__((cleanup(free_scope)))

/* Every descriptor from 3 on; those of `keep` that are below 3 don't count. */
void close_all_but(const int *keep, size_t count);
/* Closes once: the descriptor becomes -1. */
void close_fd(int *fd);

/* Bytes that come in at the end and go out at the front. */
struct buf {
  uint8_t *base;
  size_t head, len, cap;
};
void buf_add(struct buf *buf, const void *data, size_t len);
/* Room for at least `len` more bytes; buf_grew says how many of them were used. */
uint8_t *buf_room(struct buf *buf, size_t len);
static inline void buf_grew(struct buf *buf, size_t len) { buf->len += len; }
static inline uint8_t *buf_at(const struct buf *buf) { return buf->base + buf->head; }
void buf_drop(struct buf *buf, size_t len);
void buf_free(struct buf *buf);

void put_u32(uint8_t *at, uint32_t value);
void put_u64(uint8_t *at, uint64_t value);
uint32_t get_u32(const uint8_t *at);
uint64_t get_u64(const uint8_t *at);

/* `[A-Za-z0-9_.-]{1,128}`, and neither "." nor "..". */
bool valid_name(const char *name);
int64_t wall_ns(void);
int64_t monotonic_ns(void);
int write_file(const char *path, const char *text);
int write_file_at(int dir, const char *path, const char *text);
/* At most cap-1 bytes, ended by a zero; the length, or -1. */
ssize_t read_file_at(int dir, const char *path, char *into, size_t cap);
bool write_all(int fd, const void *data, size_t len);
bool read_all(int fd, void *into, size_t len);

#endif
