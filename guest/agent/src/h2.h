/*
 * The HTTP/2 server over whatever `port` gives. One session at a time; its streams are owned here.
 *
 * A stream is handed to the router once its headers are in. What it receives waits in `in` (at most one window, since
 * the window moves only by stream_take), what it sends waits in `out`; a writer that heeds stream_writable never
 * has more than OUT_HIGH_BYTES there.
 */
#ifndef H2_H
#define H2_H

#include "base.h"
#include "frames.h"

#include <jansson.h>

#define BODY_BYTES_MAX (1u << 20)
#define WINDOW_BYTES (256 * 1024)
#define OUT_HIGH_BYTES (64 * 1024)

struct route;
struct stream;

struct stream_ops {
  void (*data)(struct stream *stream);    /* `in` grew, or the request ended */
  void (*drained)(struct stream *stream); /* writable again */
  void (*closed)(struct stream *stream);  /* the last call: the owner forgets the stream */
};

struct stream {
  int32_t id;
  char *method, *path, *query;
  const struct route *route;
  char *names[3]; /* what the route's wildcards matched, from `path` */
  struct buf in, out;
  bool in_end, in_ignored, too_large;
  bool dispatched, replied, out_end, deferred, drained_due;
  const void *parked_on; /* the busy container this call waits for */
  const struct stream_ops *ops;
  void *owner;
  struct stream *next;
};

struct stream *h2_streams(void);
void h2_open(void);
void h2_close(void);
/* False once the bytes are no HTTP/2 any more: the session is to be closed. */
bool h2_receive(const uint8_t *data, size_t len);
/* False once nothing more is taken; after an error of the peer's only when the farewell has been moved on (h2_pump). */
bool h2_is_open(void);
/* Moves what is due to the port; calls `drained`. */
void h2_pump(void);

void stream_take(struct stream *stream, size_t len);
bool stream_writable(const struct stream *stream);
/* `headers`: name, value, …, NULL. With a body to come, or (HEAD) without. */
void stream_begin(struct stream *stream, int status, const char *const *headers);
void stream_write(struct stream *stream, const void *data, size_t len);
void stream_write_frame(struct stream *stream, enum frame_kind kind, const void *data, size_t len);
void stream_end(struct stream *stream);
/* The answer broke off: the peer sees an error, not an end. */
void stream_reset(struct stream *stream);
/* Steals the reference to `body`. */
void stream_reply(struct stream *stream, int status, json_t *body);
void stream_reply_fault(struct stream *stream, const struct fault *fault);
/* A decoded query parameter into `into`; false if it is not there (or does not fit). */
bool stream_query(const struct stream *stream, const char *name, char *into, size_t cap);
bool stream_flag(const struct stream *stream, const char *name);

#endif
