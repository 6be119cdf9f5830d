/* Puts a container's root file system together, in the agent's own mount namespace. */
#ifndef ASSEMBLE_H
#define ASSEMBLE_H

#include "container.h"

/* Once, before any pod: the layer between image and writable layer that holds the empty places others are mounted on. */
void assemble_init(void);
/* Sets root, pts and the paths; on a fault assemble_undo has been done. `copies` counts volumes that wait for content. */
bool assemble(struct container *container, struct fault *fault);
/* Then what the host wants mounted. May have to wait for a share. */
bool assemble_mounts(struct container *container, struct fault *fault);
void assemble_undo(struct container *container);
/* Relative, no "..", only characters that overlay's options can carry. */
bool valid_place(const char *path);

#endif
