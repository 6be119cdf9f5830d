#include "h2.h"

#include "port.h"
#include "query.h"
#include "router.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

static nghttp2_session *session;
static struct stream *streams; /* in order of arrival */

struct stream *h2_streams(void) { return streams; }

static void free_stream(struct stream *stream) {
  for (struct stream **at = &streams; *at; at = &(*at)->next)
    if (*at == stream) {
      *at = stream->next;
      break;
    }
  if (stream->ops && stream->ops->closed) stream->ops->closed(stream);
  free(stream->method);
  free(stream->path);
  free(stream->query);
  buf_free(&stream->in);
  buf_free(&stream->out);
  free(stream);
}

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
  (void)user;
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  struct stream *stream = must_calloc(1, sizeof *stream);
  stream->id = frame->hd.stream_id;
  struct stream **at = &streams;
  while (*at) at = &(*at)->next;
  *at = stream;
  nghttp2_session_set_stream_user_data(s, stream->id, stream);
  return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user) {
  (void)flags, (void)user;
  struct stream *stream = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
  if (!stream) return 0;
  if (name_len == 7 && memcmp(name, ":method", 7) == 0) {
    free(stream->method);
    stream->method = must_printf("%.*s", (int)value_len, (const char *)value);
  } else if (name_len == 5 && memcmp(name, ":path", 5) == 0) {
    const uint8_t *mark = memchr(value, '?', value_len);
    size_t path_len = mark ? (size_t)(mark - value) : value_len;
    free(stream->path);
    free(stream->query);
    stream->path = must_printf("%.*s", (int)path_len, (const char *)value);
    stream->query = mark ? must_printf("%.*s", (int)(value_len - path_len - 1), (const char *)mark + 1) : must_strdup("");
  }
  return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
  (void)user;
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  struct stream *stream = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
  if (!stream) return 0;
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->in_end = true;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) router_match(stream);
  if (stream->dispatched && stream->in_end && !stream->in_ignored && stream->ops && stream->ops->data)
    stream->ops->data(stream);
  router_dispatch();
  return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user) {
  (void)flags, (void)user;
  nghttp2_session_consume_connection(s, len);
  struct stream *stream = nghttp2_session_get_stream_user_data(s, id);
  if (!stream || stream->in_ignored) {
    nghttp2_session_consume_stream(s, id, len);
    return 0;
  }
  if (!stream->route || !stream->route->streams) {
    /* A control body is kept whole, so its window moves at once, up to the limit. */
    nghttp2_session_consume_stream(s, id, len);
    if (stream->in.len + len > BODY_BYTES_MAX) stream->too_large = true;
    else buf_add(&stream->in, data, len);
    return 0;
  }
  buf_add(&stream->in, data, len);
  if (stream->dispatched && stream->ops && stream->ops->data) stream->ops->data(stream);
  return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t error_code, void *user) {
  (void)error_code, (void)user;
  struct stream *stream = nghttp2_session_get_stream_user_data(s, id);
  if (!stream) return 0;
  nghttp2_session_set_stream_user_data(s, id, NULL);
  free_stream(stream);
  router_dispatch();
  return 0;
}

static ssize_t read_out(nghttp2_session *s, int32_t id, uint8_t *into, size_t cap, uint32_t *flags,
                        nghttp2_data_source *source, void *user) {
  (void)s, (void)id, (void)user;
  struct stream *stream = source->ptr;
  size_t len = stream->out.len < cap ? stream->out.len : cap;
  if (len) memcpy(into, buf_at(&stream->out), len);
  bool was_full = stream->out.len >= OUT_HIGH_BYTES;
  buf_drop(&stream->out, len);
  if (was_full && stream->out.len < OUT_HIGH_BYTES) stream->drained_due = true;
  if (stream->out.len == 0 && stream->out_end) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  } else if (len == 0) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return (ssize_t)len;
}

void h2_open(void) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *option;
  if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option)) die("out of memory");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  if (nghttp2_session_server_new2(&session, callbacks, NULL, option)) die("out of memory");
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1024},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
  /* Streams are held back one by one; the connection as a whole never is. */
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 16 * 1024 * 1024);
}

void h2_close(void) {
  if (!session) return;
  while (streams) free_stream(streams);
  nghttp2_session_del(session);
  session = NULL;
}

bool h2_receive(const uint8_t *data, size_t len) {
  ssize_t used = nghttp2_session_mem_recv(session, data, len);
  return used == (ssize_t)len && h2_is_open();
}

bool h2_is_open(void) { return nghttp2_session_want_read(session); }

void h2_pump(void) {
  while (session) {
    bool again = false;
    while (port_out_room()) {
      const uint8_t *data;
      ssize_t len = nghttp2_session_mem_send(session, &data);
      if (len <= 0) break;
      port_write(data, (size_t)len);
    }
    for (struct stream *stream = streams, *next; stream; stream = next) {
      next = stream->next;
      if (!stream->drained_due) continue;
      stream->drained_due = false;
      again = true;
      if (stream->ops && stream->ops->drained) stream->ops->drained(stream);
    }
    if (!again) break;
  }
  port_flush();
}

void stream_take(struct stream *stream, size_t len) {
  buf_drop(&stream->in, len);
  /* The window of a control body moved when the bytes came. */
  if (len && stream->route && stream->route->streams) nghttp2_session_consume_stream(session, stream->id, len);
}

bool stream_writable(const struct stream *stream) { return stream->out.len < OUT_HIGH_BYTES; }

static void resume(struct stream *stream) {
  if (!stream->deferred) return;
  stream->deferred = false;
  nghttp2_session_resume_data(session, stream->id);
}

void stream_begin(struct stream *stream, int status, const char *const *headers) {
  char text[8];
  snprintf(text, sizeof text, "%d", status);
  nghttp2_nv fields[8] = {{(uint8_t *)":status", (uint8_t *)text, 7, strlen(text), 0}};
  size_t count = 1;
  for (; headers && headers[0] && count < 8; headers += 2)
    fields[count++] = (nghttp2_nv){(uint8_t *)headers[0], (uint8_t *)headers[1], strlen(headers[0]), strlen(headers[1]), 0};
  nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_out};
  bool head = strcmp(stream->method, "HEAD") == 0;
  stream->replied = true;
  nghttp2_submit_response(session, stream->id, fields, count, head ? NULL : &provider);
}

void stream_write(struct stream *stream, const void *data, size_t len) {
  buf_add(&stream->out, data, len);
  resume(stream);
}

void stream_write_frame(struct stream *stream, enum frame_kind kind, const void *data, size_t len) {
  uint8_t header[FRAME_HEADER_BYTES];
  frame_header(header, kind, (uint32_t)len);
  buf_add(&stream->out, header, sizeof header);
  stream_write(stream, data, len);
}

void stream_end(struct stream *stream) {
  stream->out_end = true;
  resume(stream);
}

void stream_reset(struct stream *stream) {
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
}

void stream_reply(struct stream *stream, int status, json_t *body) {
  bool head = strcmp(stream->method, "HEAD") == 0;
  AUTO_FREE char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY | (head ? JSON_ENSURE_ASCII : 0));
  json_decref(body);
  if (!text) text = must_strdup("{}");
  /* HEAD has no body to say why: the fault is a header. */
  if (head) stream_begin(stream, status, (const char *[]){"x-kraud-error", text, NULL});
  else stream_begin(stream, status, (const char *[]){"content-type", "application/json", NULL});
  /* What still comes of the request is of no interest. */
  if (!stream->in_end) {
    stream->in_ignored = true;
    stream_take(stream, stream->in.len);
  }
  if (head) return;
  stream_write(stream, text, strlen(text));
  stream_end(stream);
}

void stream_reply_fault(struct stream *stream, const struct fault *fault) {
  json_t *body = json_pack("{s:s, s:s}", "code", fault->code, "message", fault->message);
  if (!body) body = json_pack("{s:s, s:s}", "code", fault->code, "message", "the message is not UTF-8");
  if (fault->err) json_object_set_new(body, "errno", json_string(errno_name(fault->err)));
  stream_reply(stream, status_of(fault->code), body);
}

bool stream_query(const struct stream *stream, const char *name, char *into, size_t cap) {
  return query_get(stream->query, name, into, cap);
}

bool stream_flag(const struct stream *stream, const char *name) {
  char value[8];
  return query_get(stream->query, name, value, sizeof value) && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}
