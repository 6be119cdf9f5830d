/*
 * Loaded into a VMM that is to be a mould: one that stands still and is forked for each pod, with all that it has translated.
 *
 * A thread of ours answers at /run/mould.sock. A request is a list of words, each ended by a zero byte, and the end of the stream:
 *
 *   freeze           all threads of the VMM are parked, for good; answers "frozen\n", or why not
 *   --dir DIR …      the options of kraud-jail, without a command: a fork of the VMM in a jail of its own; answers its pid. With
 *                    files it is given what a VM that slept has: see renew.h
 *
 *   mould ── fork ──▶ keeper (leaves the jail, becomes kraud-jail --keep) ── fork ──▶ VMM (jail, descriptors, sandbox, threads)
 *
 * The mould has all privileges, as it makes jails; its guest is our kernel, our agent and a rehearsal, never a tenant's program.
 *
 * Environment: KRAUD_LAUNCHER, the path of kraud-jail outside of the jail. Descriptors: MOULD_NAMESPACE_FD, the mount namespace
 * outside, and MOULD_ROOT_FD, its root.
 */
#define _GNU_SOURCE
#include "descriptors.h"
#include "jail.h"
#include "renew.h"
#include "sandbox.h"
#include "threads.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 8192, WORDS_MAX = 64 };
#define SOCKET_PATH "/run/mould.sock"

static const char *launcher;
static int listener_fd;
static bool frozen, forked;
static struct sigaction child_action;

/* Guest memory is to be there in a fork. */
__attribute__((visibility("default"))) int madvise(void *at, size_t bytes, int advice)
{
	if (advice == MADV_DONTFORK) return 0;
	return (int)syscall(SYS_madvise, at, bytes, advice);
}

/* A ring is shared with the kernel, and can't be forked: only a VMM that was may have one. */
struct io_uring;
__attribute__((visibility("default"))) int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	typedef int function(unsigned, struct io_uring *, unsigned);
	if (!forked) return -ENOSYS;
	function *next = (function *)dlsym(RTLD_NEXT, "io_uring_queue_init");
	return next ? next(entries, ring, flags) : -ENOSYS;
}

static void resume(const struct options *o, int go)
{
	forked = true;
	descriptors_survey(go);
	int tap = o->tap_name ? take_tap(o->tap_netns, o->tap_name) : -1;
	open_namespaces();
	if (!o->tap_name) tap = open_tap();
	build_root(o);
	if (o->file_count > 0) renew_guest();
	drop_privileges(o);
	char byte;
	if (read(go, &byte, 1) != 1) _exit(125);
	close(go);
	descriptors_replace(tap);
	sigaction(SIGCHLD, &child_action, NULL);
	sandbox();
	threads_resume();
}

static void leave_jail(void)
{
	if (setns(MOULD_NAMESPACE_FD, CLONE_NEWNS) < 0) die("leave the jail");
	if (fchdir(MOULD_ROOT_FD) < 0 || chroot(".") < 0 || chdir("/") < 0) die("leave the jail");
	close(MOULD_NAMESPACE_FD), close(MOULD_ROOT_FD);
}

_Noreturn static void become_keeper(int connection, int argc, char **argv)
{
	struct options o = {0};
	signal(SIGCHLD, SIG_DFL);
	close(listener_fd);
	if (dup2(connection, STDOUT_FILENO) < 0) die("dup2");
	close(connection);
	setsid();
	leave_jail();
	parse(argc, argv, &o);
	keep(&o, resume, launcher);
}

static void answer(int connection, const char *text)
{
	if (write(connection, text, strlen(text)) < 0) return;
}

static void freeze(int connection)
{
	const char *why = "";
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	if (frozen || threads_park(&why)) {
		/* Keepers are reaped by nobody else. */
		if (!frozen) sigaction(SIGCHLD, &ignore, &child_action), renew_find();
		frozen = true;
		answer(connection, "frozen\n");
		return;
	}
	answer(connection, why);
	answer(connection, "\n");
	_exit(125);
}

static void serve(int connection)
{
	static char request[REQUEST_BYTES_MAX + 1];
	char *words[WORDS_MAX + 1] = {"mould"};
	size_t len = 0;
	int count = 1;
	for (ssize_t got; len < REQUEST_BYTES_MAX && (got = read(connection, request + len, REQUEST_BYTES_MAX - len)) != 0;) {
		if (got < 0 && errno != EINTR) return;
		if (got > 0) len += (size_t)got;
	}
	if (len == 0 || len == REQUEST_BYTES_MAX || request[len - 1] != 0) return;
	for (char *at = request; at < request + len && count < WORDS_MAX; at += strlen(at) + 1) words[count++] = at;
	if (count == 2 && !strcmp(words[1], "freeze")) {
		freeze(connection);
		return;
	}
	if (!frozen) return;
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) become_keeper(connection, count, words);
}

static void *listen_on(void *unused)
{
	(void)unused;
	threads_init();
	for (;;) {
		int connection = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
		if (connection < 0) continue;
		serve(connection);
		close(connection);
	}
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	launcher = getenv("KRAUD_LAUNCHER");
	if (!launcher) return;
	launcher = strdup(launcher);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
	listener_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener_fd < 0 || bind(listener_fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener_fd, 64) < 0)
		die("listen on %s", SOCKET_PATH);
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, listen_on, NULL) != 0) die("start a thread");
	sigprocmask(SIG_SETMASK, &before, NULL);
}
