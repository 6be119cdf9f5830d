/*
 * Loaded into the VMM of a VM that slept. The file /memory holds, one after the other and without holes, those pages of the guest's
 * memory that are not zero; /layout says where they belong: pairs of 32-bit numbers, the first page of a run and how many it has.
 * Where the VMM maps the file it gets just that: the runs, and memory of zeroes between.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static struct run {
	uint32_t page, count;
} *runs;
static size_t runs_count;
static struct stat memory;
static char *guest;
static size_t guest_bytes;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "kraud-jail: %s: %m\n", what);
	_exit(125);
}

__attribute__((constructor)) static void begin(void)
{
	struct stat layout;
	int fd = open("/layout", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &layout) < 0 || stat("/memory", &memory) < 0) die("open the layout");
	size_t bytes = (size_t)layout.st_size;
	runs_count = bytes / sizeof *runs;
	runs = malloc(bytes + 1);
	if (!runs || read(fd, runs, bytes) != (ssize_t)bytes) die("read the layout");
	close(fd);
}

static void *map(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);
}

static void *map_guest(void *at, size_t bytes, int prot, int flags, int fd)
{
	char *base = map(at, bytes, prot, flags | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED) return base;
	off_t from = 0;
	for (size_t i = 0; i < runs_count; i++) {
		size_t start = (size_t)runs[i].page * PAGE_BYTES, length = (size_t)runs[i].count * PAGE_BYTES;
		errno = ERANGE;
		if (start + length > bytes || from + (off_t)length > memory.st_size) die("the layout does not fit");
		if (map(base + start, length, prot, flags | MAP_FIXED, fd, from) == MAP_FAILED) die("map the memory");
		from += (off_t)length;
	}
	guest = base;
	guest_bytes = bytes;
	return base;
}

__attribute__((visibility("default"))) void *mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	struct stat facts;
	int ours = fd >= 0 && (flags & MAP_TYPE) == MAP_PRIVATE && fstat(fd, &facts) == 0 && facts.st_dev == memory.st_dev &&
		   facts.st_ino == memory.st_ino;
	if (ours && (size_t)memory.st_size == bytes && offset == 0) return map_guest(at, bytes, prot, flags, fd);
	return map(at, bytes, prot, flags, fd, offset);
}

__attribute__((visibility("default"))) void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return mmap64(at, bytes, prot, flags, fd, offset);
}

/* The guest's memory grows by the page, as a clone's does, which is all a file's. */
__attribute__((visibility("default"))) int madvise(void *at, size_t bytes, int advice)
{
	if (advice == MADV_HUGEPAGE && (char *)at >= guest && (char *)at < guest + guest_bytes) return 0;
	return (int)syscall(SYS_madvise, at, bytes, advice);
}
