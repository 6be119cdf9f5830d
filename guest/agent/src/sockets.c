#include "sockets.h"

#include "mounts.h"
#include "place.h"
#include "relay.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_WAITING_MAX 128

struct listener {
  struct listener *next;
  const struct container *container;
  unsigned id;
  int fd;
  char *path; /* in the agent's own files; mounted over the path in the container */
  struct watch watch;
};

static struct listener *first;
static unsigned last_id;
static const struct stream_ops accept_ops;

static void free_listener(struct listener *listener) {
  for (struct listener **at = &first; *at; at = &(*at)->next)
    if (*at == listener) {
      *at = listener->next;
      break;
    }
  for (struct stream *stream = h2_streams(); stream; stream = stream->next)
    if (stream->ops == &accept_ops && stream->owner == listener) {
      struct fault fault;
      fail(&fault, "not-found", "the socket is gone");
      stream->ops = NULL;
      stream_reply_fault(stream, &fault);
    }
  watch_stop(&listener->watch);
  close_fd(&listener->fd);
  unlink(listener->path);
  free(listener->path);
  free(listener);
}

static struct stream *waiting(const struct listener *listener) {
  for (struct stream *stream = h2_streams(); stream; stream = stream->next)
    if (stream->ops == &accept_ops && stream->owner == listener) return stream;
  return NULL;
}

/* Connections wait in the kernel's queue until the host asks for them. */
static void hand_over(struct listener *listener) {
  for (struct stream *stream; (stream = waiting(listener));) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      watch_want(&listener->watch, EPOLLIN);
      return;
    }
    relay_start(stream, fd);
  }
  watch_want(&listener->watch, 0);
}

static void on_connection(struct watch *watch, uint32_t events) {
  (void)events;
  hand_over(OWNER(watch, struct listener, watch));
}

static void placed(struct stream *stream, void *argument, bool ok, const struct fault *fault) {
  struct listener *listener = argument;
  if (!ok || !stream) {
    free_listener(listener);
    if (stream) stream_reply_fault(stream, fault);
    return;
  }
  watch_start(&listener->watch, listener->fd, 0, on_connection);
  char id[16];
  snprintf(id, sizeof id, "%u", listener->id);
  stream_reply(stream, 200, json_pack("{s:s}", "id", id));
}

void socket_listen(struct stream *stream, struct container *container, json_t *body) {
  struct fault fault;
  const char *path = NULL;
  int mode = 0660, uid = 0, gid = 0;
  if (json_unpack(body, "{s:s, s?i, s?i, s?i}", "path", &path, "mode", &mode, "uid", &uid, "gid", &gid) != 0 || path[0] != '/') {
    fail(&fault, "invalid", "an absolute path is needed");
    stream_reply_fault(stream, &fault);
    return;
  }
  if (container->state != STATE_CREATED) {
    fail(&fault, "conflict", "sockets are made before the container starts");
    stream_reply_fault(stream, &fault);
    return;
  }
  struct listener *listener = must_calloc(1, sizeof *listener);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  listener->id = ++last_id;
  listener->container = container;
  listener->watch.fd = -1;
  listener->path = must_printf(RUN_DIR "/sockets/%u", listener->id);
  listener->next = first;
  first = listener;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", listener->path);
  make_dirs(RUN_DIR "/sockets");
  unlink(listener->path);
  listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool ok = listener->fd >= 0 && bind(listener->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            chmod(listener->path, (mode_t)mode & 0777) == 0 && chown(listener->path, (uid_t)uid, (gid_t)gid) == 0 &&
            listen(listener->fd, CONNECTIONS_WAITING_MAX) == 0;
  int from = ok ? open(listener->path, O_PATH | O_CLOEXEC) : -1;
  if (from < 0) {
    fail_errno(&fault, errno, "the socket %s", path);
    free_listener(listener);
    stream_reply_fault(stream, &fault);
    return;
  }
  place_in_container(stream, container, (struct place){.from = from, .target = must_strdup(path), .done = placed, .argument = listener});
}

void socket_accept(struct stream *stream, json_t *body) {
  struct fault fault;
  (void)body;
  for (struct listener *listener = first; listener; listener = listener->next) {
    if ((unsigned)atoi(stream->names[0]) != listener->id) continue;
    stream->ops = &accept_ops;
    stream->owner = listener;
    hand_over(listener);
    return;
  }
  fail(&fault, "not-found", "no such socket");
  stream_reply_fault(stream, &fault);
}

void sockets_free(const struct container *container) {
  for (struct listener *listener = first, *next; listener; listener = next) {
    next = listener->next;
    if (listener->container == container) free_listener(listener);
  }
}
