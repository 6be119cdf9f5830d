/*
 * Stands all other threads of a process still, for good, and lets a fork of it have them again: each goes on where it was
 * interrupted, on its own stack, with its own thread-local data. What was a parked thread's is not touched in between.
 */
#ifndef THREADS_H
#define THREADS_H

#include <stdbool.h>

/* In the constructor's thread, before there are others. */
void threads_init(void);
/* False, with the reason in `why`, if one of them doesn't follow; then the process is of no more use. */
bool threads_park(const char **why);
/* In a fork of the caller's thread, which becomes the main one. */
_Noreturn void threads_resume(void);

#endif
