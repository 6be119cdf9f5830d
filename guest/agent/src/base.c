#include "base.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool fail(struct fault *fault, const char *code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fault->code = code;
  fault->err = 0;
  vsnprintf(fault->message, sizeof fault->message, format, args);
  va_end(args);
  return false;
}

static const char *code_of(int err) {
  switch (err) {
    case ENOENT: case ENOTDIR: return "not-found";
    case EEXIST: case EISDIR: case EBUSY: case ENOTEMPTY: return "conflict";
    case ENOSPC: case EDQUOT: case EMFILE: case ENFILE: case ENOMEM: case EAGAIN: return "exhausted";
    case EACCES: case EPERM: case EROFS: return "forbidden";
    case EINVAL: case ELOOP: case ENAMETOOLONG: case ENOEXEC: case E2BIG: return "invalid";
    case EOPNOTSUPP: case ENOSYS: case ENODEV: return "unsupported";
    case ECONNREFUSED: case EHOSTUNREACH: case ENETUNREACH: case ECONNRESET: return "unavailable";
    case ETIMEDOUT: return "timeout";
    default: return "internal";
  }
}

bool fail_errno(struct fault *fault, int err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fault->code = code_of(err);
  fault->err = err;
  int used = vsnprintf(fault->message, sizeof fault->message, format, args);
  va_end(args);
  if (used > 0 && (size_t)used < sizeof fault->message)
    snprintf(fault->message + used, sizeof fault->message - (size_t)used, ": %s", errno_text(err));
  return false;
}

const char *errno_name(int err) {
  const char *name = strerrorname_np(err);
  return name ? name : "EUNKNOWN";
}

const char *errno_text(int err) {
  static char text[128];
  const char *plain = strerrordesc_np(err);
  snprintf(text, sizeof text, "%s", plain ? plain : "unknown error");
  if (!isupper((unsigned char)text[1])) text[0] = (char)tolower((unsigned char)text[0]);
  return text;
}

int status_of(const char *code) {
  static const struct { const char *code; int status; } table[] = {
      {"invalid", 400}, {"unsupported", 501}, {"forbidden", 403}, {"not-found", 404},  {"exists", 409},
      {"conflict", 409}, {"unchanged", 409},  {"exhausted", 507}, {"unavailable", 503}, {"timeout", 504},
      {"canceled", 499}, {"corrupt", 422},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (strcmp(table[i].code, code) == 0) return table[i].status;
  return 500;
}

void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char line[512];
  int used = snprintf(line, sizeof line, "kraud-agent: fatal: ");
  used += vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
  if ((size_t)used > sizeof line - 2) used = sizeof line - 2;
  line[used++] = '\n';
  if (write(2, line, (size_t)used) < 0) { /* there is nobody left to tell */ }
  va_end(args);
  _exit(70);
}

void *must_calloc(size_t count, size_t size) {
  void *at = calloc(count, size);
  if (!at) die("out of memory");
  return at;
}

void *must_realloc(void *at, size_t size) {
  at = realloc(at, size);
  if (!at) die("out of memory");
  return at;
}

char *must_strdup(const char *text) {
  char *copy = strdup(text);
  if (!copy) die("out of memory");
  return copy;
}

char *must_printf(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = NULL;
  if (vasprintf(&text, format, args) < 0) die("out of memory");
  va_end(args);
  return text;
}

void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void close_all_but(const int *keep, size_t count) {
  /* From one kept descriptor to the next one above it. */
  for (unsigned from = 3;;) {
    unsigned next = UINT_MAX;
    for (size_t i = 0; i < count; i++)
      if (keep[i] >= 3 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next) next = (unsigned)keep[i];
    if (next > from) syscall(SYS_close_range, from, next == UINT_MAX ? UINT_MAX : next - 1, 0);
    if (next == UINT_MAX) return;
    from = next + 1;
  }
}

uint8_t *buf_room(struct buf *buf, size_t len) {
  if (buf->len == 0) buf->head = 0;
  if (buf->cap - buf->head - buf->len >= len && buf->base) return buf->base + buf->head + buf->len;
  if (buf->head && buf->cap - buf->len >= len && buf->len <= buf->head) {
    memmove(buf->base, buf->base + buf->head, buf->len);
    buf->head = 0;
    return buf->base + buf->len;
  }
  size_t cap = buf->cap ? buf->cap : 256;
  while (cap - buf->len < len) cap *= 2;
  uint8_t *base = must_calloc(1, cap);
  if (buf->len) memcpy(base, buf->base + buf->head, buf->len);
  free(buf->base);
  buf->base = base;
  buf->cap = cap;
  buf->head = 0;
  return buf->base + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len) {
  if (len == 0) return;
  memcpy(buf_room(buf, len), data, len);
  buf->len += len;
}

void buf_drop(struct buf *buf, size_t len) {
  buf->head += len;
  buf->len -= len;
  if (buf->len == 0) {
    buf->head = 0;
    if (buf->cap > 65536) buf_free(buf);
  }
}

void buf_free(struct buf *buf) {
  free(buf->base);
  memset(buf, 0, sizeof *buf);
}

void put_u32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}
void put_u64(uint8_t *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (56 - 8 * i));
}
uint32_t get_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
uint64_t get_u64(const uint8_t *at) { return (uint64_t)get_u32(at) << 32 | get_u32(at + 4); }

bool valid_name(const char *name) {
  size_t len = strlen(name);
  if (len < 1 || len > 128 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
  for (const char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.' && *c != '-') return false;
  return true;
}

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
int64_t wall_ns(void) { return now_ns(CLOCK_REALTIME); }
int64_t monotonic_ns(void) { return now_ns(CLOCK_MONOTONIC); }

int write_file_at(int dir, const char *path, const char *text) {
  AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  return RETRY(write(fd, text, strlen(text))) < 0 ? -1 : 0;
}
int write_file(const char *path, const char *text) { return write_file_at(AT_FDCWD, path, text); }

ssize_t read_file_at(int dir, const char *path, char *into, size_t cap) {
  AUTO_CLOSE int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t len = 0;
  while (len < cap - 1) {
    ssize_t got = RETRY(read(fd, into + len, cap - 1 - len));
    if (got < 0) return -1;
    if (got == 0) break;
    len += (size_t)got;
  }
  into[len] = 0;
  return (ssize_t)len;
}

bool write_all(int fd, const void *data, size_t len) {
  const uint8_t *at = data;
  while (len) {
    ssize_t put = RETRY(write(fd, at, len));
    if (put < 0) return false;
    at += put;
    len -= (size_t)put;
  }
  return true;
}

bool read_all(int fd, void *into, size_t len) {
  uint8_t *at = into;
  while (len) {
    ssize_t got = RETRY(read(fd, at, len));
    if (got <= 0) return false;
    at += got;
    len -= (size_t)got;
  }
  return true;
}
