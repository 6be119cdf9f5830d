/*
 * Long work on files, in a process of its own: whatever a file system does, the loop goes on.
 *
 * The worker says how it went with worker_answer or worker_begin; a worker that ends otherwise is an internal fault. It
 * is killed when its stream closes.
 */
#ifndef WORKER_H
#define WORKER_H

#include "h2.h"

struct work {
  int root; /* becomes the worker's "/" (and its descriptor is given on), or -1 */
  int more; /* one further descriptor to keep, or -1 */
  bool takes_body;
  bool lingers; /* when its stream closes, it isn't killed but sees its input end */
  /* In the worker. The descriptors are its own numbers of the above. */
  void (*run)(const struct work *work);
  const char *path;
  const void *argument;
  const void *subject; /* the container whose files these are */

  int in, out; /* in the worker: the request's body and the way for the answer */
};

void worker_start(struct stream *stream, const struct work *work);
bool worker_reaped(pid_t pid, int status);
void workers_settle(void);
/* Ends those that work on the files of `subject`. */
void workers_cancel(const void *subject);
/* As workers_cancel, also those that linger. */
void workers_end(const void *subject);

/* In the worker. A JSON answer, whole. */
_Noreturn void worker_answer(const struct work *work, int status, json_t *body);
_Noreturn void worker_fault(const struct work *work, const struct fault *fault);
/* 200 with this `x-kraud-stat` (or NULL); the body is what is then written to `out`, and exit code 0 its end. */
void worker_begin(const struct work *work, json_t *stat);

#endif
