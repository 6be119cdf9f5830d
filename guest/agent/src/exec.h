/* A further process in a running container's namespaces. */
#ifndef EXEC_H
#define EXEC_H

#include "container.h"

/* Finished execs that can still be asked for. */
#define FINISHED_EXECS_MAX 64

void exec_run(struct stream *stream, struct container *container, json_t *body);
void exec_get(struct stream *stream, struct container *container, json_t *body);
void exec_resize(struct stream *stream, struct container *container, json_t *body);
void exec_kill(struct stream *stream, struct container *container, json_t *body);
bool exec_reaped(pid_t pid, int status);
void execs_settle(struct container *container);
void execs_free(struct container *container);

#endif
