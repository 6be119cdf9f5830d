#include "relay.h"

#include "loop.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay {
  struct stream *stream;
  struct watch watch;
  int fd;
  bool connecting, sent_end, got_end;
  unsigned *count; /* or NULL */
};

static void free_relay(struct relay *relay) {
  if (relay->count) --*relay->count;
  watch_stop(&relay->watch);
  close_fd(&relay->fd);
  free(relay);
}

static void end_relay(struct relay *relay, bool broken) {
  struct stream *stream = relay->stream;
  stream->ops = NULL;
  stream->in_ignored = true;
  if (broken) stream_reset(stream);
  else if (!stream->out_end) stream_end(stream);
  free_relay(relay);
}

/* Moves what can be moved both ways, then says what it waits for. The relay may be gone afterwards. */
static void move(struct relay *relay) {
  static uint8_t bytes[16 * 1024];
  struct stream *stream = relay->stream;
  uint32_t wanted = 0;
  while (stream->in.len) {
    ssize_t put = RETRY(send(relay->fd, buf_at(&stream->in), stream->in.len, MSG_NOSIGNAL));
    if (put < 0 && errno == EAGAIN) {
      wanted |= EPOLLOUT;
      break;
    }
    if (put < 0) return end_relay(relay, true);
    stream_take(stream, (size_t)put);
  }
  if (stream->in_end && stream->in.len == 0 && !relay->sent_end) {
    relay->sent_end = true;
    shutdown(relay->fd, SHUT_WR);
  }
  while (!relay->got_end && stream_writable(stream)) {
    ssize_t got = RETRY(recv(relay->fd, bytes, sizeof bytes, 0));
    if (got < 0 && errno == EAGAIN) {
      wanted |= EPOLLIN;
      break;
    }
    if (got < 0) return end_relay(relay, true);
    if (got == 0) {
      relay->got_end = true;
      stream_end(stream);
      break;
    }
    stream_write(stream, bytes, (size_t)got);
  }
  if (relay->got_end && relay->sent_end) return end_relay(relay, false);
  watch_want(&relay->watch, wanted);
}

static void connected(struct relay *relay) {
  struct fault fault;
  int err = 0;
  socklen_t len = sizeof err;
  getsockopt(relay->fd, SOL_SOCKET, SO_ERROR, &err, &len);
  if (err == 0) {
    relay->connecting = false;
    stream_begin(relay->stream, 200, NULL);
    move(relay);
    return;
  }
  fail_errno(&fault, err, "connecting");
  relay->stream->ops = NULL;
  stream_reply_fault(relay->stream, &fault);
  free_relay(relay);
}

static void on_socket(struct watch *watch, uint32_t events) {
  struct relay *relay = OWNER(watch, struct relay, watch);
  (void)events;
  if (relay->connecting) connected(relay);
  else move(relay);
}

static void stream_moved(struct stream *stream) {
  struct relay *relay = stream->owner;
  if (!relay->connecting) move(relay);
}

static void stream_closed(struct stream *stream) { free_relay(stream->owner); }

static struct relay *new_relay(struct stream *stream, int fd) {
  static const struct stream_ops ops = {.data = stream_moved, .drained = stream_moved, .closed = stream_closed};
  struct relay *relay = must_calloc(1, sizeof *relay);
  relay->stream = stream;
  relay->fd = fd;
  stream->ops = &ops;
  stream->owner = relay;
  watch_start(&relay->watch, fd, 0, on_socket);
  return relay;
}

void relay_start(struct stream *stream, int fd) {
  stream_begin(stream, 200, NULL);
  move(new_relay(stream, fd));
}

void relay_start_counted(struct stream *stream, int fd, unsigned *count) {
  stream_begin(stream, 200, NULL);
  struct relay *relay = new_relay(stream, fd);
  relay->count = count;
  ++*count;
  move(relay);
}

static bool address_of(const char *host, int port, struct sockaddr_storage *address, socklen_t *len) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    *len = sizeof *v4;
    return true;
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((uint16_t)port);
  *len = sizeof *v6;
  return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

void relay_connect(struct stream *stream, json_t *body) {
  char host[64] = "127.0.0.1", port_text[8];
  struct sockaddr_storage address;
  socklen_t len;
  struct fault fault;
  (void)body;
  int port = stream_query(stream, "port", port_text, sizeof port_text) ? atoi(port_text) : 0;
  stream_query(stream, "host", host, sizeof host);
  if (port < 1 || port > 65535 || !address_of(host, port, &address, &len)) {
    fail(&fault, "invalid", "invalid host or port");
    stream_reply_fault(stream, &fault);
    return;
  }
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS)) {
    fail_errno(&fault, errno, "connecting to %s port %d", host, port);
    close_fd(&fd);
    stream_reply_fault(stream, &fault);
    return;
  }
  struct relay *relay = new_relay(stream, fd);
  relay->connecting = true;
  watch_want(&relay->watch, EPOLLOUT);
}
