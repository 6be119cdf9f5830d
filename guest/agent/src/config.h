/* From the JSON of a container or an exec to a plan for its process. */
#ifndef CONFIG_H
#define CONFIG_H

#include "container.h"

/* Fills what does not depend on the root file system. */
bool config_container(struct container *container, const json_t *config, struct fault *fault);
/* Looks up user and groups in the root, and completes the environment. */
bool config_identity(struct spawn *plan, const json_t *config, int root, const char *hostname, struct fault *fault);
/* The second half of it, once `plan->identity` is known. */
void config_environment(struct spawn *plan, const char *hostname);
/* An exec: the container's environment with the exec's own over it. The strings live in the exec's plan. */
bool config_exec(struct spawn *plan, const json_t *config, const struct container *container, struct fault *fault);
void config_free(struct spawn *plan);

#endif
