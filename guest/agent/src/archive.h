/* `…/archive` and `…/changes`: a container's files as tar streams, and what changed of them. */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "container.h"

void archive_get(struct stream *stream, struct container *container, json_t *body);
void archive_put(struct stream *stream, struct container *container, json_t *body);
void changes_get(struct stream *stream, struct container *container, json_t *body);

#endif
