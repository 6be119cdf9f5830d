/*
 * kraud-fence: ends a host's VMs when the host can't renew its lease, whatever has become of its daemon.
 *
 *   kraud-fence SOCKET UNTIL_MS GROUPS
 *
 *   SOCKET     unix socket that the daemon speaks to it through
 *   UNTIL_MS   until when the VMs may run, in milliseconds on the clock that goes on while the machine sleeps
 *   GROUPS     directory of control groups, one per VM
 *
 * Says "ready" on stdout once it listens; from then on it needs nobody. Lines of the daemon and their answers:
 *
 *   hold UNTIL_MS     "ok", or "fired AT_MS" if it has ended VMs since the last answer. Earlier times than the
 *                     present one change nothing.
 *   leave             it ends if there is no VM to guard, else "ok"
 *   end               it ends, and no VM does
 *
 * Past the time it kills every process in every group, and goes on looking for new ones until the time is moved on:
 * a daemon that was paused and wakes up late gets no VM to run. With no VM and no daemon left it ends after a while.
 * A process is killed through a descriptor that was opened before its membership was looked at, so another that got
 * its number is never hit.
 *
 * It is two processes: one on guard, and a spare that takes its place, with a new spare behind it, when it is killed.
 * The spare also acts a little after the time if the other doesn't, because it is paused.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8, LINE_BYTES_MAX = 64, PIDS_MAX = 1024, LOOK_AGAIN_MS = 20, SPARE_MS = 1000 };
static const int64_t idle_ms_max = 10 * 60 * 1000;

struct client {
	int fd;
	size_t length;
	char line[LINE_BYTES_MAX];
};

/* What the one on guard knows, and the spare has to. */
struct state {
	int64_t until_ms, fired_ms;
	int is_over;
};

static const char *groups_path;
static struct state *state;
static int listener;
static int spare_fd = -1; /* closed when the spare has died */
static pid_t spare;
static int64_t needed_ms; /* when there was a VM or a daemon last */

static void die(const char *what)
{
	fprintf(stderr, "kraud-fence: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The members of a group; none if it has gone. */
static int members(int groups, const char *group, pid_t *pids)
{
	char path[512], text[16 * PIDS_MAX];
	if (snprintf(path, sizeof path, "%s/cgroup.procs", group) >= (int)sizeof path) return 0;
	int fd = openat(groups, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return 0;
	size_t length = 0;
	for (ssize_t got; length < sizeof text - 1; length += (size_t)got) {
		got = read(fd, text + length, sizeof text - 1 - length);
		if (got <= 0) break;
	}
	close(fd);
	text[length] = '\0';
	int count = 0;
	for (char *at = text, *end; count < PIDS_MAX; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at) break;
		if (pid > 1) pids[count++] = (pid_t)pid;
	}
	return count;
}

static int is_member(int groups, const char *group, pid_t pid)
{
	static pid_t present[PIDS_MAX];
	int count = members(groups, group, present);
	for (int i = 0; i < count; i++)
		if (present[i] == pid) return 1;
	return 0;
}

/* Answers how many members there were; they are only counted with `spare`. */
static int kill_group(int groups, const char *group, int spare)
{
	static pid_t pids[PIDS_MAX];
	int count = members(groups, group, pids);
	for (int i = 0; i < count && !spare; i++) {
		int process = (int)syscall(SYS_pidfd_open, pids[i], 0);
		if (process < 0) continue;
		if (is_member(groups, group, pids[i])) syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
		close(process);
	}
	return count;
}

static int kill_all(int spare)
{
	DIR *groups = opendir(groups_path);
	if (!groups) return 0; /* no VM was ever made */
	int count = 0;
	for (struct dirent *entry; (entry = readdir(groups));)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			count += kill_group(dirfd(groups), entry->d_name, spare);
	closedir(groups);
	return count;
}

static void answer(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Ends both processes. */
static void retire(void)
{
	state->is_over = 1;
	shutdown(listener, SHUT_RDWR);
	exit(0);
}

static void obey(int fd, const char *line)
{
	char text[LINE_BYTES_MAX], *end;
	if (!strcmp(line, "end")) retire();
	if (!strcmp(line, "leave")) {
		if (kill_all(1) == 0) retire();
		return answer(fd, "ok\n");
	}
	if (strncmp(line, "hold ", 5)) return answer(fd, "what?\n");
	int64_t wanted = strtoll(line + 5, &end, 10);
	if (end == line + 5 || *end) return answer(fd, "what?\n");
	if (wanted > state->until_ms) state->until_ms = wanted;
	if (state->fired_ms == 0) return answer(fd, "ok\n");
	snprintf(text, sizeof text, "fired %lld\n", (long long)state->fired_ms);
	state->fired_ms = 0;
	answer(fd, text);
}

/* 0 once the client is gone, or says what is no line. */
static int listen_to(struct client *client)
{
	ssize_t got = recv(client->fd, client->line + client->length, sizeof client->line - client->length, MSG_DONTWAIT);
	if (got < 0) return errno == EAGAIN || errno == EINTR;
	if (got == 0) return 0;
	client->length += (size_t)got;
	for (char *end; (end = memchr(client->line, '\n', client->length));) {
		*end++ = '\0';
		obey(client->fd, client->line);
		client->length -= (size_t)(end - client->line);
		memmove(client->line, end, client->length);
	}
	return client->length < sizeof client->line;
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(address.sun_path, path);
	umask(077);
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, CLIENTS_MAX) < 0) die(path);
	return fd;
}

/* Whether the time has been over for so long; what is in the groups is ended then. */
static int fire(int64_t late_ms)
{
	if (now_ms() - state->until_ms < late_ms) return 0;
	if (state->fired_ms == 0) state->fired_ms = now_ms();
	if (kill_all(0) > 0) needed_ms = now_ms();
	return 1;
}

/* It has to work just when little else does. What the machine doesn't allow is done without. */
static void harden(void)
{
	mlockall(MCL_CURRENT | MCL_FUTURE);
	setpriority(PRIO_PROCESS, 0, -20);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0) return;
	(void)!write(fd, "-1000", 5);
	close(fd);
}

static void detach(void)
{
	puts("ready");
	fflush(stdout);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) die("/dev/null");
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0) exit(1);
	close(null);
}

/* In the spare: returns once the other has died. */
static void stand_by(int other)
{
	struct pollfd gone = {.fd = other, .events = POLLIN};
	mlockall(MCL_CURRENT | MCL_FUTURE);
	while (poll(&gone, 1, SPARE_MS) <= 0) fire(SPARE_MS);
	if (state->is_over) exit(0);
	needed_ms = now_ms();
}

/* Returns in the one on guard, which later may be another process. Where there is no room for a spare there is none yet. */
static void post_spare(struct client *clients, int *count)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		for (; *count > 0; --*count) close(clients[*count - 1].fd);
		stand_by(ends[1]);
	} else if (pid > 0) {
		spare = pid;
		spare_fd = ends[0];
	} else {
		close(ends[0]);
	}
	close(ends[1]);
}

int main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MAX];
	int count = 0;
	if (argc != 4) {
		errno = EINVAL;
		die("kraud-fence SOCKET UNTIL_MS GROUPS");
	}
	state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED) die("mmap");
	state->until_ms = strtoll(argv[2], NULL, 10);
	groups_path = argv[3];
	needed_ms = now_ms();
	listener = open_socket(argv[1]);
	if (chdir("/") < 0) die("chdir /");
	harden();
	detach();
	for (;;) {
		if (spare_fd < 0) post_spare(clients, &count);
		int is_over = fire(0);
		int64_t left_ms = is_over ? LOOK_AGAIN_MS : state->until_ms - now_ms();
		if (!is_over || count > 0) needed_ms = now_ms();
		if (now_ms() - needed_ms > idle_ms_max) retire();
		struct pollfd fds[CLIENTS_MAX + 2] = {
			{.fd = count < CLIENTS_MAX ? listener : -1, .events = POLLIN},
			{.fd = spare_fd, .events = POLLIN},
		};
		for (int i = 0; i < count; i++) fds[i + 2] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		/* At most a second: this poll doesn't count the time that the machine sleeps. */
		poll(fds, (nfds_t)count + 2, left_ms < 0 ? 0 : left_ms < 1000 ? (int)left_ms : 1000);
		for (int i = count - 1; i >= 0; i--) {
			if (!fds[i + 2].revents || listen_to(&clients[i])) continue;
			close(clients[i].fd);
			clients[i] = clients[--count];
		}
		if (fds[0].revents) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd >= 0) clients[count++] = (struct client){.fd = fd};
		}
		if (fds[1].revents) {
			close(spare_fd);
			spare_fd = -1;
			waitpid(spare, NULL, 0);
		}
	}
}
