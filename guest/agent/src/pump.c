#include "pump.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES (16 * 1024)

/* Until the pipe ends, or the agent wants no more and it is empty. */
static void run_out(int pipe, int agent) {
  static uint8_t bytes[CHUNK_BYTES];
  bool last = false;
  fcntl(pipe, F_SETFL, O_NONBLOCK);
  for (;;) {
    ssize_t got = RETRY(read(pipe, bytes, sizeof bytes));
    if (got > 0 && write_all(agent, bytes, (size_t)got)) continue;
    if (got >= 0 || errno != EAGAIN || last) return;
    struct pollfd fds[] = {{.fd = pipe, .events = POLLIN}, {.fd = agent, .events = POLLIN}};
    if (RETRY(poll(fds, 2, -1)) < 0) return;
    last = fds[1].revents != 0;
  }
}

static void run_in(int pipe, int agent) {
  static uint8_t bytes[CHUNK_BYTES];
  ssize_t got;
  fcntl(pipe, F_SETFL, 0);
  while ((got = RETRY(read(agent, bytes, sizeof bytes))) > 0 && write_all(pipe, bytes, (size_t)got)) {}
}

static int start(int pipe, void (*run)(int pipe, int agent)) {
  int ends[2] = {-1, -1};
  pid_t pid = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? fork() : -1;
  int err = errno;
  if (pid == 0) {
    signal(SIGPIPE, SIG_IGN);
    close_all_but((const int[]){pipe, ends[1]}, 2);
    run(pipe, ends[1]);
    _exit(0);
  }
  close(pipe);
  close_fd(&ends[1]);
  if (pid < 0) {
    close_fd(&ends[0]);
    return errno = err, -1;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return ends[0];
}

int pump_out(int pipe) { return start(pipe, run_out); }
int pump_in(int pipe) { return start(pipe, run_in); }
void pump_drain(int end) {
  if (end >= 0) shutdown(end, SHUT_WR);
}
