/* Unix sockets in a container, whose connections the host accepts. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "container.h"

void socket_listen(struct stream *stream, struct container *container, json_t *body);
void socket_accept(struct stream *stream, json_t *body);
/* Those of one container. */
void sockets_free(const struct container *container);

#endif
