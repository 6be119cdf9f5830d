/* A stream and a socket tied together: each one's bytes go to the other, and half-closes do too. */
#ifndef RELAY_H
#define RELAY_H

#include "h2.h"

/* Takes the connected, non-blocking socket; answers 200. */
void relay_start(struct stream *stream, int fd);
/* `count` is one more for as long as the two are tied. */
void relay_start_counted(struct stream *stream, int fd, unsigned *count);
/* `POST /v1/connect?port=N[&host=127.0.0.1]` */
void relay_connect(struct stream *stream, json_t *body);

#endif
