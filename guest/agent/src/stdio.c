#include "stdio.h"

#include "pump.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

void stdio_none(struct stdio *stdio) {
  *stdio = (struct stdio){.in = -1, .out = -1, .err = -1, .child_in = -1, .child_out = -1, .child_err = -1};
}

static bool open_terminal(struct stdio *stdio, int pts, int rows, int cols, struct fault *fault) {
  int unlocked = 0;
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
  stdio->out = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (stdio->out < 0 || ioctl(stdio->out, TIOCSPTLCK, &unlocked) != 0 || ioctl(stdio->out, TIOCSWINSZ, &size) != 0 ||
      (stdio->child_out = ioctl(stdio->out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 ||
      (stdio->in = fcntl(stdio->out, F_DUPFD_CLOEXEC, 0)) < 0)
    return fail_errno(fault, errno, "opening a terminal");
  return true;
}

static bool open_pipe(int *reader, int *writer, struct fault *fault) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno(fault, errno, "opening a pipe");
  *reader = ends[0];
  *writer = ends[1];
  return true;
}

bool stdio_open(struct stdio *stdio, bool tty, bool stdin_wanted, int pts, int rows, int cols, struct fault *fault) {
  stdio_none(stdio);
  stdio->tty = tty;
  bool ok;
  if (tty) {
    ok = open_terminal(stdio, pts, rows, cols, fault);
  } else {
    ok = open_pipe(&stdio->out, &stdio->child_out, fault) && open_pipe(&stdio->err, &stdio->child_err, fault) &&
         (!stdin_wanted || open_pipe(&stdio->child_in, &stdio->in, fault));
    if (ok && !stdin_wanted && (stdio->child_in = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
      ok = fail_errno(fault, errno, "opening /dev/null");
    if (ok) {
      fcntl(stdio->out, F_SETFL, O_NONBLOCK);
      fcntl(stdio->err, F_SETFL, O_NONBLOCK);
      if (stdio->in >= 0) fcntl(stdio->in, F_SETFL, O_NONBLOCK);
    }
  }
  if (!ok) stdio_close(stdio);
  return ok;
}

bool stdio_apart(struct stdio *stdio, struct fault *fault) {
  if (stdio->tty) return true;
  stdio->apart = true;
  if ((stdio->out = pump_out(stdio->out)) < 0 || (stdio->err = pump_out(stdio->err)) < 0 ||
      (stdio->in >= 0 && (stdio->in = pump_in(stdio->in)) < 0)) {
    fail_errno(fault, errno, "starting a pump");
    stdio_close(stdio);
    return false;
  }
  return true;
}

void stdio_drain(const struct stdio *stdio) {
  if (!stdio->apart) return;
  pump_drain(stdio->out);
  pump_drain(stdio->err);
}

void stdio_started(struct stdio *stdio) {
  if (stdio->tty) return;
  close_fd(&stdio->child_in);
  close_fd(&stdio->child_out);
  close_fd(&stdio->child_err);
}

bool stdio_resize(const struct stdio *stdio, int rows, int cols, struct fault *fault) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
  if (!stdio->tty) return fail(fault, "conflict", "there is no terminal to resize");
  if (stdio->out < 0) return fail(fault, "conflict", "the process has ended");
  return ioctl(stdio->out, TIOCSWINSZ, &size) == 0 || fail_errno(fault, errno, "resizing the terminal");
}

void stdio_close(struct stdio *stdio) {
  close_fd(&stdio->in);
  close_fd(&stdio->out);
  close_fd(&stdio->err);
  close_fd(&stdio->child_in);
  close_fd(&stdio->child_out);
  close_fd(&stdio->child_err);
}
