#include "place.h"

#include "mounts.h"
#include "router.h"
#include "shares.h"
#include "task.h"

#include <stdlib.h>

struct placing {
  struct place place;
  struct stream *stream;
  struct container *container;
};

static bool put(const struct place *place, int root, struct fault *fault) {
  AUTO_CLOSE int to = make_file_in_root(root, place->target);
  return (to >= 0 && bind_on(place->from, to, place->read_only) == 0) || fail_errno(fault, errno, "mounting %s", place->target);
}

static bool run(void *argument, struct buf *result, struct fault *fault) {
  const struct placing *placing = argument;
  (void)result;
  return put(&placing->place, placing->container->root, fault);
}

static void end(struct placing *placing, bool ok, const struct fault *fault) {
  if (placing->stream) placing->stream->ops = NULL;
  placing->place.done(placing->stream, placing->place.argument, ok, fault);
  close_fd(&placing->place.from);
  free(placing->place.target);
  free(placing);
}

static void done(void *argument, bool ok, const struct buf *result, const struct fault *fault) {
  struct placing *placing = argument;
  struct container *container = placing->container;
  (void)result;
  container->busy = false;
  end(placing, ok, fault);
  router_unpark(container);
}

static void stream_closed(struct stream *stream) { ((struct placing *)stream->owner)->stream = NULL; }

void place_in_container(struct stream *stream, struct container *container, struct place place) {
  static const struct stream_ops ops = {.closed = stream_closed};
  struct fault fault = {0};
  struct placing *placing = must_calloc(1, sizeof *placing);
  *placing = (struct placing){.place = place, .stream = stream, .container = container};
  if (!shares_any()) {
    end(placing, put(&place, container->root, &fault), &fault);
    return;
  }
  stream->ops = &ops;
  stream->owner = placing;
  container->busy = true;
  struct task_plan plan = {.owner = container, .keep = {container->root, place.from}, .run = run, .done = done, .argument = placing};
  if (task_start(&plan, &fault)) return;
  done(placing, false, NULL, &fault);
}
