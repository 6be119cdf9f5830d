/* The system calls that a VMM which was forked from a mould may not make. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* For the caller's thread and all that it starts. */
void sandbox(void);

#endif
