/* Files that the host gives a container: in memory only, and read-only there. */
#ifndef FILES_H
#define FILES_H

#include "container.h"

/* Body: the file's bytes. `path mode uid gid` are in the query. */
void file_put(struct stream *stream, struct container *container, json_t *body);
void files_free(const struct container *container);

#endif
