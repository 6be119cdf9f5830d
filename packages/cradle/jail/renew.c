#define _GNU_SOURCE
#include "renew.h"

#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static char *guest;
static size_t guest_bytes;

void renew_find(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *end_of_last = NULL;
	while (maps && fgets(line, sizeof line, maps)) {
		unsigned long start, end;
		int name = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &name) < 2 || strcmp(line + name, "/memory\n")) continue;
		/* The kernel may have several entries for it, one after the other. What isn't fits no sleeper's. */
		if (end_of_last != (char *)start) guest = (char *)start, guest_bytes = 0;
		end_of_last = (char *)end;
		guest_bytes += end - start;
	}
	if (maps) fclose(maps);
}

static void map(char *at, size_t bytes, int flags, int fd, off_t from)
{
	const int prot = PROT_READ | PROT_WRITE;
	if ((void *)syscall(SYS_mmap, at, bytes, prot, flags | MAP_PRIVATE | MAP_FIXED, fd, from) == MAP_FAILED) die("map the memory");
}

void renew_guest(void)
{
	struct stat facts;
	int memory = open("/memory", O_RDONLY | O_CLOEXEC), layout = open("/layout", O_RDONLY | O_CLOEXEC), state = open("/state", O_RDONLY);
	if (memory < 0 || layout < 0 || state < 0 || fstat(layout, &facts) < 0) die("open the sleeper");
	size_t bytes = (size_t)facts.st_size;
	struct run {
		uint32_t page, count;
	} *runs = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, layout, 0);
	if (runs == MAP_FAILED || fstat(memory, &facts) < 0) die("read the layout");
	errno = ERANGE;
	if (!guest || (size_t)facts.st_size != guest_bytes) die("the memory does not fit");
	map(guest, guest_bytes, MAP_ANONYMOUS, -1, 0);
	off_t from = 0;
	for (size_t i = 0; i < bytes / sizeof *runs; i++) {
		size_t start = (size_t)runs[i].page * PAGE_BYTES, length = (size_t)runs[i].count * PAGE_BYTES;
		errno = ERANGE;
		if (start + length > guest_bytes || from + (off_t)length > facts.st_size) die("the layout does not fit");
		map(guest + start, length, 0, memory, from);
		from += (off_t)length;
	}
	/* It grows by the page, as a clone's does. A kernel without huge pages knows no such advice. */
	syscall(SYS_madvise, guest, guest_bytes, MADV_NOHUGEPAGE);
	munmap(runs, bytes);
	close(memory), close(layout);
	if (state != STATE_FD && (dup2(state, STATE_FD) < 0 || close(state) < 0)) die("descriptor %d", STATE_FD);
}
