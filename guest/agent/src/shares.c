#include "shares.h"

#include "assemble.h"
#include "disks.h"
#include "loop.h"
#include "mounts.h"
#include "relay.h"
#include "share_front.h"
#include "share_server.h"
#include "task.h"
#include "worker.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARES_MAX 32
#define END_WAIT_S 4
#define UNMOUNT_TRIES 1000
/* A disk that was just put into its slot. */
#define HOLD_TRIES 100
/* A server whose stream is gone has open what the next one will: so that files without names live. */
#define LINGER_S 60

struct share {
  char at[128], path[160], held_path[160], device[64];
  int control;
  pid_t front, server;
  unsigned links;
  bool held;
  int report; /* of the server that mounts the disk, -1 if none is at it */
  int end;    /* the front's, of the socket to that server */
  struct watch report_watch;
};

static struct share shares[SHARES_MAX];
static size_t shares_count;
static const struct stream_ops hold_ops;
static const char serving[] = "serve"; /* what the workers that serve are known by */
static struct watch end_watch = {.fd = -1};
static enum { LIVING, UNMOUNTING, UNMOUNTED } stage;

bool shares_any(void) { return shares_count > 0; }

static struct share *find(const char *at) {
  for (size_t i = 0; i < shares_count; i++)
    if (strcmp(shares[i].at, at) == 0) return &shares[i];
  return NULL;
}

json_t *shares_json(void) {
  json_t *list = json_array();
  for (size_t i = 0; i < shares_count; i++)
    json_array_append_new(list, json_pack("{s:s, s:s}", "at", shares[i].at, "state",
                                          shares[i].held ? "held" : shares[i].links ? "linked" : "waiting"));
  return list;
}

/* The kernel's end in `fuse`; from here on only the front has it, so that its death is the file system's. */
static bool start_front(struct share *share, int fuse, struct fault *fault) {
  int control[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) return fail_errno(fault, errno, "starting the share %s", share->at);
  share->front = fork();
  if (share->front == 0) {
    close_all_but((int[]){fuse, control[1]}, 2);
    front_run(fuse, control[1]);
  }
  close(control[1]);
  share->control = control[0];
  return share->front > 0 || fail_errno(fault, errno, "starting the share %s", share->at);
}

bool shares_mount(const char *at, const char *path, const char *device, bool read_only, struct fault *fault) {
  if (shares_count == SHARES_MAX) return fail(fault, "exhausted", "more than %d shares", SHARES_MAX);
  struct share *share = &shares[shares_count];
  *share = (struct share){.control = -1, .report = -1, .end = -1, .report_watch.fd = -1};
  snprintf(share->at, sizeof share->at, "%s", at);
  snprintf(share->path, sizeof share->path, "%s", path);
  snprintf(share->held_path, sizeof share->held_path, RUN_DIR "/held/%s", at);
  snprintf(share->device, sizeof share->device, "%s", device);
  char options[160];
  AUTO_CLOSE int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other,max_read=%u", fuse, SHARE_DATA_BYTES_MAX);
  if (fuse < 0 || mount("share", path, "fuse", read_only ? MS_RDONLY : 0, options) != 0) return fail_errno(fault, errno, "mounting the share %s", at);
  shares_count++;
  return start_front(share, fuse, fault);
}

static struct share *wanted(struct stream *stream, const char *at, struct fault *fault) {
  struct share *share = at ? find(at) : NULL;
  if (!share || stage != LIVING) {
    fail(fault, "not-found", "no share at %s", at ? at : "");
    stream_reply_fault(stream, fault);
    return NULL;
  }
  return share;
}

void shares_link(struct stream *stream, json_t *body) {
  struct fault fault;
  char at[128];
  int ends[2];
  (void)body;
  struct share *share = wanted(stream, stream_query(stream, "at", at, sizeof at) ? at : NULL, &fault);
  if (!share) return;
  if (share->held) {
    fail(&fault, "conflict", "this VM holds the share %s itself", at);
  } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    fail_errno(&fault, errno, "linking the share %s", at);
  } else {
    bool ok = front_order(share->control, FRONT_LINK, ends[1]) || fail_errno(&fault, errno, "linking the share %s", at);
    close(ends[1]);
    if (ok) {
      relay_start_counted(stream, ends[0], &share->links);
      return;
    }
    close(ends[0]);
  }
  stream_reply_fault(stream, &fault);
}

/* In the worker. */
static void serve(const struct work *work) {
  struct server server;
  struct fault fault;
  if (!server_open(&server, work->more)) {
    fail_errno(&fault, errno, "serving %s", work->path);
    worker_fault(work, &fault);
  }
  worker_begin(work, NULL);
  bool ok = server_loop(&server, work->in, work->out);
  if (!ok) _exit(1);
  server_drop_locks(&server);
  close(work->out);
  for (unsigned left = server.opens_count ? LINGER_S : 0; left;) left = sleep(left);
}

static int open_served(const char *at) {
  const struct share *share = find(at);
  const char *path = share && share->held ? share->held_path : disks_served(at);
  return path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

void shares_serve(struct stream *stream, json_t *body) {
  struct fault fault;
  char at[128];
  (void)body;
  AUTO_CLOSE int top = stage == LIVING && stream_query(stream, "at", at, sizeof at) ? open_served(at) : -1;
  if (top < 0) {
    fail(&fault, "not-found", "there is no disk to share");
    stream_reply_fault(stream, &fault);
    return;
  }
  worker_start(stream, &(struct work){.root = -1, .more = top, .in = -1, .takes_body = true, .lingers = true, .run = serve, .path = at, .subject = serving});
}

/* In the child: what goes wrong with a disk that is not there yet may be right a moment later. */
static bool mount_held(const struct share *share, const char *device, struct fault *fault) {
  if (make_dirs(share->held_path) != 0) return fail_errno(fault, errno, "making %s", share->held_path);
  int err = 0;
  for (int i = 0; i < HOLD_TRIES; i++) {
    AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (ioctl(fd, BLKFLSBUF, 0) != 0 && errno != ENOTTY)) err = errno;
    else if (mount(device, share->held_path, "ext4", MS_NOATIME, NULL) == 0) return true;
    else err = errno;
    if (err == EBUSY) break;
    usleep(20000);
  }
  return fail_errno(fault, err, "mounting the disk of the share %s", share->at);
}

struct report {
  bool ok;
  struct fault fault;
};

static void answer_holds(const struct share *share, const struct report *report) {
  for (struct stream *stream = h2_streams(); stream; stream = stream->next) {
    if (stream->ops != &hold_ops || stream->owner != share) continue;
    stream->ops = NULL;
    if (report->ok) stream_reply(stream, 200, json_object());
    else stream_reply_fault(stream, &report->fault);
  }
}

static void on_report(struct watch *watch, uint32_t events) {
  struct share *share = OWNER(watch, struct share, report_watch);
  struct report report;
  (void)events;
  if (!read_all(share->report, &report, sizeof report)) {
    report.ok = false;
    fail(&report.fault, "internal", "the server of the share %s died", share->at);
  }
  watch_stop(&share->report_watch);
  close_fd(&share->report);
  if (report.ok) {
    share->held = true;
    if (!front_order(share->control, FRONT_LOCAL, share->end)) kill(share->server, SIGKILL);
  }
  close_fd(&share->end);
  answer_holds(share, &report);
}

static bool start_server(struct share *share, const char *device, struct fault *fault) {
  int report[2] = {-1, -1}, ends[2] = {-1, -1};
  bool again = share->held;
  pid_t pid = pipe2(report, O_CLOEXEC) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? fork() : -1;
  if (pid == 0) {
    struct report result = {0};
    struct server server;
    close_all_but((int[]){report[1], ends[1]}, 2);
    result.ok = (again || mount_held(share, device, &result.fault)) &&
                (server_open(&server, open(share->held_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ||
                 fail_errno(&result.fault, errno, "serving the share %s", share->at));
    if (!result.ok && !again) umount2(share->held_path, 0);
    write_all(report[1], &result, sizeof result);
    close(report[1]);
    if (result.ok) server_loop(&server, ends[1], ends[1]);
    _exit(0);
  }
  bool ok = pid > 0 || fail_errno(fault, errno, "holding the share %s", share->at);
  close_fd(&report[1]);
  close_fd(&ends[1]);
  if (!ok) {
    close_fd(&ends[0]);
    close_fd(&report[0]);
    return false;
  }
  share->server = pid;
  share->end = ends[0];
  share->report = report[0];
  watch_start(&share->report_watch, share->report, EPOLLIN, on_report);
  return true;
}

void shares_hold(struct stream *stream, json_t *body) {
  struct fault fault;
  char device[300];
  struct share *share = wanted(stream, json_string_value(json_object_get(body, "at")), &fault);
  if (!share) return;
  if (share->held) {
    stream_reply(stream, 200, json_object());
    return;
  }
  stream->ops = &hold_ops;
  stream->owner = share;
  if (share->report >= 0) return;
  if (disks_device(share->device, device, sizeof device) ? start_server(share, device, &fault)
                                                         : fail(&fault, "not-found", "no disk %s", share->device))
    return;
  struct report report = {.ok = false, .fault = fault};
  answer_holds(share, &report);
}

/* In the child. */
static bool unmount_all(void *unused, struct buf *result, struct fault *fault) {
  (void)unused, (void)result, (void)fault;
  for (size_t i = 0; i < shares_count; i++) {
    int tries = 0;
    while (umount2(shares[i].path, 0) != 0 && errno == EBUSY && ++tries < UNMOUNT_TRIES) usleep(1000);
    if (tries == UNMOUNT_TRIES) umount2(shares[i].path, MNT_DETACH);
  }
  return true;
}

static void kill_process(pid_t pid) {
  if (pid > 0) kill(pid, SIGKILL);
}

static void unmounted(void *unused, bool ok, const struct buf *result, const struct fault *fault) {
  (void)unused, (void)ok, (void)result, (void)fault;
  stage = UNMOUNTED;
}

/* With the front the file system ends: whoever waits in it gets ENOTCONN. */
static void end_waits(void) {
  for (size_t i = 0; i < shares_count; i++) kill_process(shares[i].front);
}

static void on_end_timer(struct watch *watch, uint32_t events) {
  int fd = watch->fd;
  (void)events;
  watch_stop(watch);
  close(fd);
  end_waits();
}

void shares_expect_end(void) {
  if (!shares_any() || end_watch.fd >= 0) return;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  struct itimerspec when = {.it_value.tv_sec = END_WAIT_S};
  if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) != 0) die("timer: %s", errno_text(errno));
  watch_start(&end_watch, fd, EPOLLIN, on_end_timer);
}

/* Nothing is mounted any more, or nobody can be in it. */
static void forget(void) {
  for (size_t i = 0; i < shares_count; i++) {
    struct share *share = &shares[i];
    struct report report = {.ok = false};
    kill_process(share->front);
    kill_process(share->server);
    watch_stop(&share->report_watch);
    close_fd(&share->report);
    close_fd(&share->end);
    close_fd(&share->control);
    fail(&report.fault, "canceled", "the pod has ended");
    answer_holds(share, &report);
    for (int tries = 0; umount2(share->held_path, 0) != 0 && errno == EBUSY && tries < UNMOUNT_TRIES; tries++) usleep(1000);
  }
  shares_count = 0;
  stage = LIVING;
  if (end_watch.fd >= 0) {
    int fd = end_watch.fd;
    watch_stop(&end_watch);
    close(fd);
  }
}

bool shares_end(void) {
  struct fault fault;
  if (stage == LIVING) {
    workers_end(serving);
    if (!shares_any()) return true;
    stage = UNMOUNTING;
    if (!task_start(&(struct task_plan){.owner = shares, .run = unmount_all, .done = unmounted}, &fault)) stage = UNMOUNTED;
  }
  if (stage != UNMOUNTED) return false;
  forget();
  return true;
}

void shares_drop(void) {
  end_waits();
  for (size_t i = 0; i < shares_count; i++) {
    if (shares[i].front > 0) RETRY(waitpid(shares[i].front, NULL, 0));
    shares[i].front = 0;
    umount2(shares[i].path, MNT_DETACH);
  }
  forget();
}

bool shares_reaped(pid_t pid, int status) {
  (void)status;
  for (size_t i = 0; i < shares_count; i++) {
    struct share *share = &shares[i];
    struct fault fault;
    if (share->front == pid) {
      share->front = 0;
      return true;
    }
    if (share->server != pid) continue;
    share->server = 0;
    /* It has died over a request; the front won't ask that of too many. */
    if (share->held && stage == LIVING) start_server(share, NULL, &fault);
    return true;
  }
  return false;
}
