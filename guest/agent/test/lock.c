/*
 * For a container of a test: lock flock|posix FILE COMMAND… runs it with the whole file locked, or says "locked" if that is taken;
 * lock wait-flock|wait-posix waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int fd = open(argv[2], O_CREAT | O_RDWR | O_CLOEXEC, 0666), wait_for_it = strncmp(argv[1], "wait-", 5) == 0;
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int result = strstr(argv[1], "flock") ? flock(fd, LOCK_EX | (wait_for_it ? 0 : LOCK_NB))
                                        : fcntl(fd, wait_for_it ? F_SETLKW : F_SETLK, &whole);
  if (fd < 0 || (result != 0 && errno != EAGAIN)) {
    perror(argv[2]);
    return 2;
  }
  if (result != 0) {
    puts("locked");
    return 1;
  }
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
