#include "loop.h"

#include "base.h"

#include <sys/epoll.h>

#define ROUND_EVENTS_MAX 64

static int epoll_fd = -1;
static struct epoll_event round_events[ROUND_EVENTS_MAX];
static int round_count, round_next;

void loop_init(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll: %s", errno_text(errno));
}

void loop_run(void (*before_wait)(void)) {
  for (;;) {
    before_wait();
    round_count = RETRY(epoll_wait(epoll_fd, round_events, ROUND_EVENTS_MAX, -1));
    if (round_count < 0) die("epoll: %s", errno_text(errno));
    for (round_next = 0; round_next < round_count;) {
      struct epoll_event *event = &round_events[round_next++];
      struct watch *watch = event->data.ptr;
      if (watch) watch->on_ready(watch, event->events);
    }
    round_count = 0;
  }
}

void watch_want(struct watch *watch, uint32_t events) {
  if (watch->fd < 0 || (watch->added ? watch->events : 0) == events) return;
  struct epoll_event event = {.events = events, .data.ptr = watch};
  int op = !watch->added ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
  if (epoll_ctl(epoll_fd, op, watch->fd, &event) != 0) die("epoll_ctl %d on %d: %s", op, watch->fd, errno_text(errno));
  watch->added = events != 0;
  watch->events = events;
}

void watch_start(struct watch *watch, int fd, uint32_t events, void (*on_ready)(struct watch *, uint32_t)) {
  watch->fd = fd;
  watch->added = false;
  watch->events = 0;
  watch->on_ready = on_ready;
  watch_want(watch, events);
}

void watch_stop(struct watch *watch) {
  if (watch->fd < 0) return;
  watch_want(watch, 0);
  watch->fd = -1;
  for (int i = round_next; i < round_count; i++)
    if (round_events[i].data.ptr == watch) round_events[i].data.ptr = NULL;
}
