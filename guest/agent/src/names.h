/* Names of capabilities and limits, as Docker writes them. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* "CHOWN" or "CAP_CHOWN", in any case; -1 if there is no such capability. */
int capability_number(const char *name);
/* All that the agent itself has: every one that the kernel knows, in a VM. */
uint64_t capabilities_all(void);
/* "nofile"; -1 if there is no such limit. */
int rlimit_number(const char *name);

#endif
