#define _GNU_SOURCE
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 64 * 1024 };

void die(const char *format, ...)
{
	int error = errno;
	va_list args;
	va_start(args, format);
	fputs("kraud-jail: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	_exit(125);
}

const char *join(const char *dir, const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", dir, name) < 0) die("asprintf");
	return path;
}

void write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	if (fd < 0) die("open %s", path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die("write %s", path);
	close(fd);
}

/*
 * On v1 by the one thread that we are, which the kernel moves at once; moving a whole process waits for an RCU grace period there
 * (15 to 20 ms on an idle machine).
 */
static void join_cgroup(const char *dir)
{
	const char *tasks = join(dir, "tasks");
	write_file(access(tasks, F_OK) == 0 ? tasks : join(dir, "cgroup.procs"), 0, "0");
}

static const char *next_arg(int argc, char **argv, int *index)
{
	if (++*index >= argc) {
		errno = EINVAL;
		die("option %s needs a value", argv[*index - 1]);
	}
	return argv[*index];
}

void parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (o->cgroup_count == LISTS_MAX || o->file_count == LISTS_MAX) break;
		if (!strcmp(arg, "--dir")) o->dir = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--uid")) o->uid = (uid_t)strtoul(next_arg(argc, argv, &i), NULL, 10);
		else if (!strcmp(arg, "--cgroup")) o->cgroups[o->cgroup_count++] = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--preload")) o->preload = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--kvm")) o->kvm = 1;
		else if (!strcmp(arg, "--hostpaths")) o->hostpaths = 1;
		else if (!strcmp(arg, "--mould")) o->mould = 1;
		else if (!strcmp(arg, "--tap")) {
			o->tap_netns = next_arg(argc, argv, &i);
			o->tap_name = next_arg(argc, argv, &i);
		}
		else if (!strcmp(arg, "--file") || !strcmp(arg, "--writable-file")) {
			o->files[o->file_count].writable = arg[2] == 'w';
			o->files[o->file_count].source = next_arg(argc, argv, &i);
			o->files[o->file_count++].name = next_arg(argc, argv, &i);
		} else if (!strcmp(arg, "--")) {
			o->command = argv + i + 1;
			break;
		} else break;
	}
	errno = EINVAL;
	if (!o->dir || !o->uid) die("bad arguments");
}

/* What the VMM says, up to a limit: a hostile one must not fill the host's disk. */
static void copy_log(int from, int to)
{
	size_t left = LOG_BYTES_MAX;
	char buffer[4096];
	for (;;) {
		ssize_t got = read(from, buffer, sizeof buffer);
		if (got < 0 && errno == EINTR) continue;
		if (got <= 0) return;
		size_t use = (size_t)got < left ? (size_t)got : left;
		if (use > 0 && write(to, buffer, use) == (ssize_t)use) left -= use;
	}
}

void keep_on(const char *dir, pid_t pid)
{
	signal(SIGPIPE, SIG_IGN);
	copy_log(STDIN_FILENO, STDERR_FILENO);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) die("wait");
	char text[64];
	if (WIFSIGNALED(status)) snprintf(text, sizeof text, "signal %d\n", WTERMSIG(status));
	else snprintf(text, sizeof text, "exit %d\n", WEXITSTATUS(status));
	const char *temporary = join(dir, "exit.new");
	write_file(temporary, O_CREAT | O_TRUNC, text);
	if (rename(temporary, join(dir, "exit")) < 0) die("rename");
	exit(0);
}

/* Clear of the numbers that the VMM gets. */
static int aside(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, 16);
	if (moved < 0) die("dup");
	close(fd);
	return moved;
}

void keep(const struct options *o, void (*become)(const struct options *o, int go), const char *launcher)
{
	umask(022);
	for (int i = 0; i < o->cgroup_count; i++) join_cgroup(o->cgroups[i]);
	int log = open(join(o->dir, "log"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log < 0) die("open the log");
	if (dup2(log, STDERR_FILENO) < 0) die("dup2");
	/* What a mould's process has open is the VMM's. */
	if (!launcher && ((log > TAP_FD && syscall(SYS_close_range, TAP_FD, log - 1, 0) < 0) ||
			  syscall(SYS_close_range, log + 1, ~0u, 0) < 0))
		die("close_range");
	if (o->hostpaths) {
		const char *share = join(o->dir, "hostpaths");
		if (mount("hostpaths", share, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k") < 0 ||
		    mount(NULL, share, NULL, MS_SHARED, NULL) < 0)
			die("mount %s", share);
	}
	int output[2], go[2];
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) die("pipe");
	int go_read = aside(go[0]), go_write = aside(go[1]);
	int output_read = aside(output[0]), output_write = aside(output[1]);
	int null = aside(open("/dev/null", O_RDWR | O_CLOEXEC));

	/* The VMMs of a mould must neither be in its namespace nor end with it. */
	if (!o->mould && unshare(CLONE_NEWPID) < 0) die("unshare the pid namespace");
	/* Not by the C library, whose fork calls what programs have asked for before and after one. */
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0) die("fork");
	if (pid == 0) {
		if (dup2(null, 0) < 0 || dup2(output_write, 1) < 0 || dup2(output_write, 2) < 0) die("stdio");
		close(null), close(output_write), close(output_read), close(go_write), close(log);
		become(o, go_read);
		_exit(125);
	}
	dprintf(STDOUT_FILENO, "%d\n", pid);
	if (dup2(output_read, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) die("stdio");
	signal(SIGPIPE, SIG_IGN);
	if (write(go_write, "g", 1) != 1) die("start the VMM");
	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0) < 0) die("close_range");
	if (launcher) {
		/* Lets go of the copy of the mould's memory. */
		char number[16];
		snprintf(number, sizeof number, "%d", pid);
		char *argv[] = {"kraud-jail", "--dir", (char *)o->dir, "--keep", number, NULL}, *env[] = {NULL};
		execve(launcher, argv, env);
	}
	keep_on(o->dir, pid);
}
