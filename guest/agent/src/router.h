/* From method and path to the function that answers, in the order in which calls arrived. */
#ifndef ROUTER_H
#define ROUTER_H

#include "h2.h"

struct container;

struct route {
  const char *method, *path; /* '*' stands for one segment */
  bool streams;              /* runs at once and reads its body as it comes */
  bool bytes;                /* its body is no JSON */
  bool pod;                  /* needs a pod */
  void (*plain)(struct stream *stream, json_t *body);
  /* With the container that the first name means; not while that container is busy. */
  void (*contained)(struct stream *stream, struct container *container, json_t *body);
};

/* Sets `route` and `names`, or answers 404. */
void router_match(struct stream *stream);
/* Runs every call that is due. A control call is due once its body is whole and no earlier call still waits for its own. */
void router_dispatch(void);
/* Lets go the calls that waited for this container. */
void router_unpark(const struct container *container);

#endif
