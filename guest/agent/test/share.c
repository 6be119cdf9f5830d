/*
 * A share without agents or VMs: front and server of one file system, tied together by a socket, in a mount namespace of their own.
 *
 *   share TOP WHERE run COMMAND…        runs a command while TOP is shared at WHERE
 *   share TOP WHERE checks              what share_checks.c looks for
 *   share TOP WHERE random SEED COUNT   does the same random things at WHERE/a and in TOP/b, which must stay alike
 */
#include "share_front.h"
#include "share_server.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int share_checks(const char *top, const char *where);
int share_random(const char *one, const char *other, unsigned seed, unsigned count);

static void serve(const char *top, int fd) {
  struct server server;
  if (!server_open(&server, open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC))) die("serving %s: %s", top, errno_text(errno));
  bool ok = server_loop(&server, fd, fd);
  server_close(&server);
  _exit(ok ? 0 : 1);
}

int main(int argc, char **argv) {
  if (argc < 4) die("usage: share TOP WHERE run|checks|random …");
  const char *top = argv[1], *where = argv[2];
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) die("unshare: %s", errno_text(errno));
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  char options[160];
  int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), control[2], link[2];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other,max_read=%u", fuse, SHARE_DATA_BYTES_MAX);
  if (mount("share", where, "fuse", 0, options) != 0) die("mounting: %s", errno_text(errno));
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0)
    die("socketpair: %s", errno_text(errno));
  pid_t front = fork();
  if (front == 0) {
    close(control[0]);
    front_run(fuse, control[1]);
  }
  close(fuse);
  pid_t server = fork();
  if (server == 0) {
    close(control[0]);
    close(link[0]);
    serve(top, link[1]);
  }
  if (!front_order(control[0], FRONT_LINK, link[0])) die("sendmsg: %s", errno_text(errno));
  close(link[0]);
  close(link[1]);
  int status = 1;
  if (strcmp(argv[3], "run") == 0) {
    pid_t pid = fork();
    if (pid == 0) {
      execvp(argv[4], argv + 4);
      die("%s: %s", argv[4], errno_text(errno));
    }
    waitpid(pid, &status, 0);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  } else if (strcmp(argv[3], "checks") == 0) {
    status = share_checks(top, where);
  } else {
    AUTO_FREE char *one = must_printf("%s/a", where), *other = must_printf("%s/b", top);
    status = share_random(one, other, (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]));
  }
  if (umount2(where, 0) != 0) die("unmounting: %s", errno_text(errno));
  int ended;
  waitpid(front, &ended, 0);
  if (ended != 0) die("the front ended with %d", ended);
  close(control[0]);
  waitpid(server, &ended, 0);
  if (ended != 0) die("the server ended with %d", ended);
  return status;
}
