/* One sample of what a container uses, and its processes. */
#ifndef STATS_H
#define STATS_H

#include "container.h"

void stats_get(struct stream *stream, struct container *container, json_t *body);
void top_get(struct stream *stream, struct container *container, json_t *body);

#endif
