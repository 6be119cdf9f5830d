/* What makes this VM one pod: identity, time, entropy, network, disks. */
#ifndef POD_H
#define POD_H

#include "h2.h"

void pod_put(struct stream *stream, json_t *body);
void pod_delete(struct stream *stream, json_t *body);
/* Other addresses and names for a pod that is there. */
void pod_network(struct stream *stream, json_t *body);
/* Mounts disks ahead of the pod. */
void pod_disks(struct stream *stream, json_t *body);
void pod_clock(struct stream *stream, json_t *body);
void pod_info(struct stream *stream, json_t *body);
/* Goes on with a DELETE that waits for containers to end. */
void pod_settle(void);
/* False in tests without a VM: the machine's clock is not the pod's then. */
void pod_owns_machine(bool owns);
bool pod_is_set(void);
const char *pod_hostname(void);
const char *pod_domainname(void);
const char *pod_hosts(void);
const char *pod_resolv(void);
/* The namespace that containers with `shareProcesses` live in; made with its own small init when first needed. */
int pod_pid_namespace(struct fault *fault);

#endif
