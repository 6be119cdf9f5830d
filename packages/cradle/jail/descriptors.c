#define _GNU_SOURCE
#include "descriptors.h"

#include "jail.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 256, WATCHES_MAX = 128, TAP_REQUESTS_MAX = 8, BACKLOG = 8 };

enum kind { EVENT, SIGNALS, POLL, LISTENER, CONNECTION, TAP, HOSTPATHS };

static struct descriptor {
	int fd, flags;
	enum kind kind;
	unsigned long long number; /* an event's count, the set of signals */
	struct sockaddr_un address; /* of a listener */
} descriptors[DESCRIPTORS_MAX];
static int descriptors_count;

static struct watch {
	int poll, fd;
	struct epoll_event event;
} watches[WATCHES_MAX];
static int watches_count;

/* What the VMM asked of its tap: the next one is to be like it. */
static struct {
	unsigned long request;
	unsigned long value;
	int by_address;
} tap_requests[TAP_REQUESTS_MAX];
static int tap_requests_count;

static void note_tap(unsigned long request, unsigned long value)
{
	int by_address = request != TUNSETOFFLOAD, at = 0;
	if (request != TUNSETOFFLOAD && request != TUNSETVNETHDRSZ && request != TUNSETVNETLE && request != TUNSETVNETBE) return;
	while (at < tap_requests_count && tap_requests[at].request != request) at++;
	if (at == TAP_REQUESTS_MAX) return;
	if (at == tap_requests_count) tap_requests_count++;
	tap_requests[at].request = request;
	tap_requests[at].by_address = by_address;
	tap_requests[at].value = by_address ? (unsigned long)*(int *)value : value;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list args;
	va_start(args, request);
	unsigned long value = va_arg(args, unsigned long);
	va_end(args);
	if (!next) next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	int result = next(fd, request, value);
	if (fd == TAP_FD && result == 0) note_tap(request, value);
	return result;
}

/* The lines of a descriptor's facts that begin with `key`, one after the other. */
static void facts_of(int fd, const char *key, void (*take)(int fd, const char *line))
{
	char path[64], line[512];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	FILE *file = fopen(path, "re");
	if (!file) die("open %s", path);
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, key, strlen(key))) take(fd, line + strlen(key));
	fclose(file);
}

static void take_number(int fd, const char *line)
{
	(void)fd;
	descriptors[descriptors_count].number = strtoull(line, NULL, 16);
}

static void take_watch(int fd, const char *line)
{
	struct watch watch = {.poll = fd};
	unsigned long long data;
	if (sscanf(line, "%d events: %x data: %llx", &watch.fd, &watch.event.events, &data) != 3) die("read what %d watches", fd);
	watch.event.data.u64 = data;
	errno = E2BIG;
	if (watches_count == WATCHES_MAX) die("more than %d watches", WATCHES_MAX);
	watches[watches_count++] = watch;
}

/* Nothing of it can be changed through the descriptor. */
static int may_be_shared(int fd, int flags)
{
	struct stat facts;
	if (fstat(fd, &facts) < 0) die("look at descriptor %d", fd);
	if (S_ISCHR(facts.st_mode)) return major(facts.st_rdev) == 1; /* null, zero, urandom */
	return S_ISREG(facts.st_mode) && (flags & O_ACCMODE) == O_RDONLY;
}

static void survey_socket(struct descriptor *found)
{
	int listens = 0;
	socklen_t len = sizeof listens, address_len = sizeof found->address - 1;
	if (getsockopt(found->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ||
	    getsockname(found->fd, (struct sockaddr *)&found->address, &address_len) < 0)
		die("look at socket %d", found->fd);
	found->kind = listens ? LISTENER : CONNECTION;
}

static void survey(int fd, const char *link)
{
	struct descriptor *found = &descriptors[descriptors_count];
	*found = (struct descriptor){.fd = fd, .flags = fcntl(fd, F_GETFL)};
	if (fd == TAP_FD) {
		found->kind = TAP;
	} else if (!strcmp(link, "anon_inode:[eventfd]")) {
		found->kind = EVENT;
		facts_of(fd, "eventfd-count:", take_number);
	} else if (!strcmp(link, "anon_inode:[signalfd]")) {
		found->kind = SIGNALS;
		facts_of(fd, "sigmask:", take_number);
	} else if (!strcmp(link, "anon_inode:[eventpoll]")) {
		found->kind = POLL;
		facts_of(fd, "tfd:", take_watch);
	} else if (!strcmp(link, "/hostpaths")) {
		found->kind = HOSTPATHS;
	} else if (!strncmp(link, "socket:", 7)) {
		survey_socket(found);
	} else if (may_be_shared(fd, found->flags)) {
		return;
	} else {
		errno = EBUSY;
		die("descriptor %d, %s, can't be had twice", fd, link);
	}
	errno = E2BIG;
	if (++descriptors_count == DESCRIPTORS_MAX) die("more than %d descriptors", DESCRIPTORS_MAX);
}

void descriptors_survey(int own)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir) die("list the descriptors");
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[64], link[256];
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' || fd <= STDERR_FILENO || fd == own || fd == dirfd(dir)) continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t len = readlink(path, link, sizeof link - 1);
		if (len < 0) die("look at descriptor %d", fd);
		link[len] = 0;
		survey(fd, link);
	}
	closedir(dir);
}

static void put(const struct descriptor *place, int fd)
{
	if (fd < 0) die("replace descriptor %d", place->fd);
	int cloexec = fcntl(place->fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0;
	if (dup3(fd, place->fd, cloexec) < 0) die("replace descriptor %d", place->fd);
	close(fd);
	/* What only names a directory has no flags. */
	if (place->kind != HOSTPATHS && fcntl(place->fd, F_SETFL, place->flags) < 0) die("set up descriptor %d", place->fd);
}

static int listener(const struct descriptor *like)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&like->address, sizeof like->address) < 0 || listen(fd, BACKLOG) < 0)
		die("listen on %s", like->address.sun_path);
	return fd;
}

/* The C library's set is larger than the kernel's. */
static int signal_reader(unsigned long long set)
{
	return (int)syscall(SYS_signalfd4, -1, &set, sizeof set, 0);
}

/* To the VMM it looks as if the other side had just left. */
static int dead_connection(void)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) die("socketpair");
	close(ends[1]);
	return ends[0];
}

static int prepared_tap(int tap)
{
	for (int i = 0; i < tap_requests_count; i++) {
		int value = (int)tap_requests[i].value;
		unsigned long argument = tap_requests[i].by_address ? (unsigned long)&value : tap_requests[i].value;
		if (ioctl(tap, tap_requests[i].request, argument) < 0) die("set up the tap");
	}
	return tap;
}

void descriptors_replace(int tap)
{
	for (int i = 0; i < descriptors_count; i++) {
		const struct descriptor *place = &descriptors[i];
		switch (place->kind) {
		case EVENT: put(place, eventfd((unsigned)place->number, 0)); break;
		case SIGNALS: put(place, signal_reader(place->number)); break;
		case POLL: put(place, epoll_create1(0)); break;
		case LISTENER: put(place, listener(place)); break;
		case CONNECTION: put(place, dead_connection()); break;
		case TAP: put(place, prepared_tap(tap)); break;
		case HOSTPATHS: put(place, open("/hostpaths", O_PATH | O_DIRECTORY | O_CLOEXEC)); break;
		}
	}
	for (int i = 0; i < watches_count; i++)
		if (epoll_ctl(watches[i].poll, EPOLL_CTL_ADD, watches[i].fd, &watches[i].event) < 0) die("watch %d", watches[i].fd);
}
