#include "router.h"

#include "archive.h"
#include "container.h"
#include "exec.h"
#include "files.h"
#include "pod.h"
#include "relay.h"
#include "shares.h"
#include "sockets.h"
#include "stats.h"

static const struct route routes[] = {
    {.method = "GET", .path = "/v1/info", .plain = pod_info},
    {.method = "POST", .path = "/v1/pod", .plain = pod_put},
    {.method = "DELETE", .path = "/v1/pod", .plain = pod_delete},
    {.method = "PUT", .path = "/v1/network", .pod = true, .plain = pod_network},
    {.method = "POST", .path = "/v1/disks", .plain = pod_disks},
    {.method = "POST", .path = "/v1/shares/link", .streams = true, .pod = true, .plain = shares_link},
    {.method = "POST", .path = "/v1/shares/serve", .streams = true, .pod = true, .plain = shares_serve},
    {.method = "POST", .path = "/v1/shares/hold", .pod = true, .plain = shares_hold},
    {.method = "POST", .path = "/v1/clock", .plain = pod_clock},
    {.method = "PUT", .path = "/v1/containers/*", .pod = true, .plain = container_put},
    {.method = "GET", .path = "/v1/containers/*", .contained = container_get},
    {.method = "DELETE", .path = "/v1/containers/*", .contained = container_delete},
    {.method = "POST", .path = "/v1/containers/*/start", .contained = container_start},
    {.method = "GET", .path = "/v1/containers/*/wait", .contained = container_wait},
    {.method = "POST", .path = "/v1/containers/*/logs", .streams = true, .contained = container_logs},
    {.method = "POST", .path = "/v1/containers/*/stdin", .streams = true, .contained = container_stdin},
    {.method = "POST", .path = "/v1/containers/*/kill", .contained = container_signal},
    {.method = "POST", .path = "/v1/containers/*/resize", .contained = container_resize},
    {.method = "POST", .path = "/v1/containers/*/pause", .contained = container_pause},
    {.method = "POST", .path = "/v1/containers/*/resume", .contained = container_resume},
    {.method = "POST", .path = "/v1/containers/*/update", .contained = container_update},
    {.method = "POST", .path = "/v1/containers/*/exec/*", .streams = true, .contained = exec_run},
    {.method = "GET", .path = "/v1/containers/*/exec/*", .contained = exec_get},
    {.method = "POST", .path = "/v1/containers/*/exec/*/resize", .contained = exec_resize},
    {.method = "POST", .path = "/v1/containers/*/exec/*/kill", .contained = exec_kill},
    {.method = "GET", .path = "/v1/containers/*/stats", .contained = stats_get},
    {.method = "GET", .path = "/v1/containers/*/top", .contained = top_get},
    {.method = "GET", .path = "/v1/containers/*/changes", .streams = true, .contained = changes_get},
    {.method = "GET", .path = "/v1/containers/*/archive", .streams = true, .contained = archive_get},
    {.method = "HEAD", .path = "/v1/containers/*/archive", .streams = true, .contained = archive_get},
    {.method = "PUT", .path = "/v1/containers/*/archive", .streams = true, .contained = archive_put},
    {.method = "POST", .path = "/v1/containers/*/sockets", .contained = socket_listen},
    {.method = "PUT", .path = "/v1/containers/*/files", .bytes = true, .contained = file_put},
    {.method = "POST", .path = "/v1/sockets/*/accept", .streams = true, .plain = socket_accept},
    {.method = "POST", .path = "/v1/connect", .streams = true, .pod = true, .plain = relay_connect},
};

/* Cuts `path` at the slashes where the pattern has a wildcard. Only called once the pattern is known to match. */
static bool matches(const char *pattern, const char *path) {
  for (;;) {
    if (*pattern == '*') {
      if (*path == '/' || !*path) return false;
      while (*path && *path != '/') path++;
      pattern++;
      continue;
    }
    if (*pattern != *path) return false;
    if (!*pattern) return true;
    pattern++;
    path++;
  }
}

static void take_names(struct stream *stream, const char *pattern) {
  size_t count = 0;
  char *path = stream->path;
  for (; *pattern; pattern++) {
    if (*pattern != '*') {
      path++;
      continue;
    }
    stream->names[count++] = path;
    while (*path && *path != '/') path++;
    if (*path) *path = 0;
  }
}

void router_match(struct stream *stream) {
  struct fault fault;
  const char *method = stream->method ? stream->method : "", *path = stream->path ? stream->path : "";
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    const struct route *route = &routes[i];
    if (!matches(route->path, path) || strcmp(route->method, method) != 0) continue;
    stream->route = route;
    take_names(stream, route->path);
    return;
  }
  fail(&fault, "not-found", "no such call: %s %s", method, path);
  stream->dispatched = true;
  stream_reply_fault(stream, &fault);
}

static void run(struct stream *stream) {
  const struct route *route = stream->route;
  struct fault fault;
  json_t *body = NULL;
  struct container *container = route->contained ? container_find(stream->names[0]) : NULL;
  if (container && container->busy) {
    stream->parked_on = container;
    return;
  }
  stream->parked_on = NULL;
  stream->dispatched = true;
  if (stream->too_large) {
    fail(&fault, "invalid", "the body is larger than 1 MiB");
  } else if (route->pod && !pod_is_set()) {
    fail(&fault, "conflict", "this VM is no pod yet");
  } else if (route->contained && !container) {
    fail(&fault, "not-found", "no such container: %s", stream->names[0]);
  } else if (!route->streams && !route->bytes && stream->in.len &&
             !json_is_object(body = json_loadb((const char *)buf_at(&stream->in), stream->in.len, JSON_REJECT_DUPLICATES, NULL))) {
    fail(&fault, "invalid", "the body is not a JSON object");
  } else {
    if (!body && !route->streams) body = json_object();
    if (route->contained) route->contained(stream, container, body);
    else route->plain(stream, body);
    json_decref(body);
    return;
  }
  json_decref(body);
  stream_reply_fault(stream, &fault);
}

void router_dispatch(void) {
  for (struct stream *stream = h2_streams(), *next; stream; stream = next) {
    next = stream->next;
    if (stream->dispatched || stream->parked_on) continue;
    if (!stream->route || (!stream->route->streams && !stream->in_end)) break;
    run(stream);
  }
}

void router_unpark(const struct container *container) {
  for (struct stream *stream = h2_streams(); stream; stream = stream->next)
    if (stream->parked_on == container) stream->parked_on = NULL;
  router_dispatch();
}
