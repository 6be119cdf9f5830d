/* First use of a volume: the image's content goes into it. */
#ifndef COPY_H
#define COPY_H

#include "base.h"

/*
 * If the volume `to` is empty (but for lost+found), it gets `from`'s owner, mode and content. Both are directories,
 * O_PATH will do. Runs to its end: the container that needs it can't start before.
 */
bool copy_up(int from, int to, struct fault *fault);

#endif
