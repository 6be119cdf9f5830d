/* The pod's network interface, over netlink. */
#ifndef NET_H
#define NET_H

#include "base.h"

#include <jansson.h>

/* Only lo, up: what a pod has without a network. */
bool net_loopback(struct fault *fault);
/* `network` of the protocol. */
bool net_setup(const json_t *network, struct fault *fault);
/* The same for an interface that is up: IPv4 addresses that it doesn't name go, the others stay as they are. */
bool net_change(const json_t *network, struct fault *fault);
/* Takes the machine's interface away, so that a pod without a network has none to look at. */
bool net_hide(struct fault *fault);
/* Undoes `net_hide`. */
void net_show(void);
/* Takes addresses and routes away again, and the interface down. */
void net_teardown(const char *interface);

#endif
