/* Something of the agent's own, mounted in a container that has not been started yet. */
#ifndef PLACE_H
#define PLACE_H

#include "container.h"

struct place {
  int from; /* what it is; taken */
  char *target; /* where; taken */
  bool read_only;
  /* `stream` is NULL if it has closed. `argument` is the caller's. */
  void (*done)(struct stream *stream, void *argument, bool ok, const struct fault *fault);
  void *argument;
};

/* Calls `done`, at once or, where it may have to wait for a share, later: the container is busy until then. */
void place_in_container(struct stream *stream, struct container *container, struct place place);

#endif
