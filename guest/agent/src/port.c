#include "port.h"

#include "base.h"
#include "h2.h"
#include "loop.h"
#include "preface.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_BYTES_MAX (64 * 1024)
#define FIND_TRIES 2000
#define LOOK_AGAIN_NS 20000000

static struct watch port = {.fd = -1}, listener = {.fd = -1}, timer = {.fd = -1};
static struct buf out;
static bool blocked; /* the port takes no more for now */
static bool in_session;
static struct preface preface;
/* The session's last bytes: they may be a preface, or the begin of one, before it shows that the session is over. */
static uint8_t tail[PREFACE_BYTES];
static size_t tail_len;

static void end_session(void) {
  if (in_session) h2_close();
  in_session = false;
  tail_len = 0;
  buf_free(&out);
}

static void keep_tail(const uint8_t *data, size_t len) {
  if (len >= sizeof tail) {
    memcpy(tail, data + len - sizeof tail, sizeof tail);
    tail_len = sizeof tail;
    return;
  }
  size_t keep = tail_len < sizeof tail - len ? tail_len : sizeof tail - len;
  memmove(tail, tail + tail_len - keep, keep);
  memcpy(tail + keep, data, len);
  tail_len = keep + len;
}

static void take(const uint8_t *data, size_t len);

/* Over; but a new one may have been asked for in its last bytes. */
static void restart_session(void) {
  uint8_t last[sizeof tail];
  size_t len = tail_len;
  memcpy(last, tail, len);
  end_session();
  preface.matched = 0;
  take(last, len);
}

static void take(const uint8_t *data, size_t len) {
  while (len) {
    if (in_session) {
      if (h2_receive(data, len)) {
        keep_tail(data, len);
        return;
      }
      restart_session();
      if (in_session) continue;
    }
    size_t used;
    if (preface_feed(&preface, data, len, &used)) {
      buf_add(&out, preface.line, PREFACE_BYTES);
      h2_open();
      in_session = true;
    }
    data += used;
    len -= used;
  }
}

bool port_out_room(void) { return !blocked && out.len < OUT_BYTES_MAX; }

void port_write(const uint8_t *data, size_t len) { buf_add(&out, data, len); }

void port_flush(void) {
  while (!blocked && out.len && port.fd >= 0) {
    ssize_t put = RETRY(write(port.fd, buf_at(&out), out.len));
    if (put > 0) {
      buf_drop(&out, (size_t)put);
      continue;
    }
    /* EAGAIN, or nobody at the other end: the edge of EPOLLOUT tells when to go on. */
    blocked = true;
  }
}

/*
 * That the host's end is open comes by another queue than its bytes, and may come later: a hang-up behind bytes is none until it
 * was seen again without any.
 */
static bool look_again(void) {
  const struct itimerspec soon = {.it_value.tv_nsec = LOOK_AGAIN_NS};
  return timer.fd >= 0 && timerfd_settime(timer.fd, 0, &soon, NULL) == 0;
}

/* Edge-triggered, as a port whose host end is away reports a hang-up for as long as it lasts. */
static void on_port(struct watch *watch, uint32_t events) {
  static uint8_t chunk[32 * 1024];
  bool came = false;
  blocked = false;
  (void)events;
  for (;;) {
    ssize_t got = RETRY(read(watch->fd, chunk, sizeof chunk));
    if (got > 0) {
      came = true;
      take(chunk, (size_t)got);
      h2_pump();
      if (in_session && !h2_is_open()) {
        restart_session();
        h2_pump();
      }
      continue;
    }
    if ((got < 0 && errno == EAGAIN) || (got == 0 && came && look_again())) break;
    end_session();
    if (listener.fd >= 0) {
      int fd = watch->fd;
      watch_stop(watch);
      close(fd);
    }
    break;
  }
}

static void on_timer(struct watch *watch, uint32_t events) {
  uint64_t times;
  if (read(watch->fd, &times, sizeof times) > 0) on_port(&port, events);
}

static void on_connection(struct watch *watch, uint32_t events) {
  (void)events;
  int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  end_session();
  if (port.fd >= 0) {
    int old = port.fd;
    watch_stop(&port);
    close(old);
  }
  preface.matched = 0;
  blocked = false;
  watch_start(&port, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_port);
}

static void listen_on(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) die("the path is too long: %s", path);
  strcpy(address.sun_path, path);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 8) != 0)
    die("listening on %s: %s", path, errno_text(errno));
  watch_start(&listener, fd, EPOLLIN, on_connection);
}

/* The device whose port has that name, such as /dev/vport1p1. */
static int open_port(const char *name) {
  DIR *dir = opendir("/sys/class/virtio-ports");
  if (!dir) return -1;
  int fd = -1;
  for (struct dirent *entry; fd < 0 && (entry = readdir(dir));) {
    char path[300], found[64];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    ssize_t len = entry->d_name[0] == '.' ? -1 : read_file_at(AT_FDCWD, path, found, sizeof found);
    if (len < 1) continue;
    found[strcspn(found, "\n")] = 0;
    if (strcmp(found, name) != 0) continue;
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  closedir(dir);
  return fd;
}

void port_init(const char *where) {
  if (strncmp(where, "unix:", 5) == 0) {
    listen_on(where + 5);
    return;
  }
  int fd = -1;
  /* The name reaches the driver a moment after the device. */
  for (int i = 0; i < FIND_TRIES && (fd = open_port(where)) < 0; i++) usleep(5000);
  if (fd < 0) die("no virtio-serial port named %s", where);
  watch_start(&port, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_port);
  int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer_fd >= 0) watch_start(&timer, timer_fd, EPOLLIN, on_timer);
}
