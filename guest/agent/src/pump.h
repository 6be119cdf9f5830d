/*
 * Between a pipe of a container's process and the agent, a process of its own.
 *
 * Who moves bytes between a pipe and a file (sendfile, splice, or a write from mapped memory) holds the pipe's lock
 * while it waits for the file; and whoever reads or writes that pipe waits for the lock, non-blocking or not. Where the file is on a
 * share, its bytes pass through the agent's loop, which must therefore touch no such pipe.
 */
#ifndef PUMP_H
#define PUMP_H

#include "base.h"

/* The agent's end, non-blocking, of what comes out of the pipe; takes `pipe`. -1 with errno. */
int pump_out(int pipe);
/* Of what goes into it. */
int pump_in(int pipe);
/* What is in the pipe now is the last that is wanted of it: the end comes behind it, whoever still has it open. */
void pump_drain(int end);

#endif
