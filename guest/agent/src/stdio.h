/* The three streams of a process: pipes, or a terminal. */
#ifndef STDIO_H
#define STDIO_H

#include "base.h"

/* Agent's ends are non-blocking. -1 where there is none. `/dev/null` stands in for stdin when nobody writes it. */
struct stdio {
  bool tty, apart; /* apart: processes of their own stand between the pipes and the agent's ends */
  int in, out, err;                   /* the agent's ends */
  int child_in, child_out, child_err; /* the process' ends */
};

void stdio_none(struct stdio *stdio);
/* `pts` is the container's devpts; needed with a tty. */
bool stdio_open(struct stdio *stdio, bool tty, bool stdin_wanted, int pts, int rows, int cols, struct fault *fault);
/* For a process that may have to wait for a share, before it starts. */
bool stdio_apart(struct stdio *stdio, struct fault *fault);
/* The process is gone: what it wrote is still to be read. Apart, that ends with an end; else where nothing is left. */
void stdio_drain(const struct stdio *stdio);
/* After the process has started. A terminal's far end is kept, else its output would be lost between two openings. */
void stdio_started(struct stdio *stdio);
bool stdio_resize(const struct stdio *stdio, int rows, int cols, struct fault *fault);
void stdio_close(struct stdio *stdio);

#endif
