/*
 * The sharer's side of a share: a process of its own between the kernel's FUSE device and whoever carries the requests out.
 *
 *   waiting --link or server given--> connected --its end--> waiting
 *
 * It depends on nobody: what it needs the agent for (the bytes of the link) may take as long as it likes. Requests that
 * have no answer yet are kept here and asked again of the next one that is connected.
 */
#ifndef SHARE_FRONT_H
#define SHARE_FRONT_H

#include "base.h"

/* Over `control`, each with a descriptor: from now on requests go to that socket. */
enum front_order { FRONT_LINK = 'L', FRONT_LOCAL = 'S' };

/* At the other end of `control`: gives the order with its descriptor, at once or not at all. False with errno. */
bool front_order(int control, enum front_order what, int fd);
/* Until the file system is gone, or `control` has ended. */
_Noreturn void front_run(int fuse, int control);

#endif
