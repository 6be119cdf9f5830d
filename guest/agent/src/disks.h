/* The pod's disks and host paths: found by serial or tag, mounted below RUN_DIR. */
#ifndef DISKS_H
#define DISKS_H

#include "base.h"

#include <jansson.h>

/* A warm slot's disk may show another file than when it was last read: forget what is cached of it. */
bool disks_flush(const json_t *disks, struct fault *fault);
/* Mounts these, and only these, before there is a pod: one that asks for the same finds them mounted, unflushed. */
bool disks_mount_early(const json_t *disks, struct fault *fault);
bool disks_mount(const json_t *disks, struct fault *fault);
/* "/dev/vda" for the serial "d0". A path stands for itself (tests without virtio). */
bool disks_device(const char *serial, char *into, size_t cap);
/* Where the disk at that place is mounted, if other VMs may share it; or NULL. */
const char *disks_served(const char *at);
/* Syncs and unmounts all; false if something stays busy. `fault` may be NULL. */
bool disks_unmount(struct fault *fault);

#endif
