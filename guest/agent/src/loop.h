/* The one event loop. Nothing in it may block. */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>
#include <stdbool.h>

/* Lives inside its owner; may be removed at any time, also from another watch's callback of the same round. */
struct watch {
  int fd; /* not owned */
  uint32_t events;
  bool added;
  void (*on_ready)(struct watch *watch, uint32_t events);
};

void loop_init(void);
/* `before_wait` runs once per round, before the loop sleeps. */
_Noreturn void loop_run(void (*before_wait)(void));

void watch_start(struct watch *watch, int fd, uint32_t events, void (*on_ready)(struct watch *, uint32_t));
/* 0 events takes it out of the set, so that a hang-up nobody waits for can't spin the loop. */
void watch_want(struct watch *watch, uint32_t events);
void watch_stop(struct watch *watch);

#define OWNER(watch_pointer, type, member) ((type *)(void *)((char *)(watch_pointer) - offsetof(type, member)))

#endif
