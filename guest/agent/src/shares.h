/*
 * Volumes that other VMs have, or want.
 *
 *   share:  waiting <--link--> linked --hold--> held
 *
 * Nothing here, and nothing else in the agent's loop, touches a path in a share or waits for one: its bytes pass through
 * this very loop. Who would, does so in a process of its own (task.h, worker.h, spawn.h);
 * and what programs write into pipes comes through one (pump.h).
 */
#ifndef SHARES_H
#define SHARES_H

#include "h2.h"

/* A disk of type `share`, on the directory `path`. */
bool shares_mount(const char *at, const char *path, const char *device, bool read_only, struct fault *fault);
/* Whether anything in this pod may have to wait for another VM. */
bool shares_any(void);
json_t *shares_json(void);
/* The end of the pod has begun: what still waits then is ended a few seconds from now. */
void shares_expect_end(void);
/* Ends serves, links and shares; true once nothing is left of them, until then to be called again. */
bool shares_end(void);
/* At once, while nothing uses them. */
void shares_drop(void);
bool shares_reaped(pid_t pid, int status);

void shares_link(struct stream *stream, json_t *body);
void shares_serve(struct stream *stream, json_t *body);
void shares_hold(struct stream *stream, json_t *body);

#endif
