/*
 * Loaded into VMMs that cannot map a read-only file as private guest memory (QEMU before 8.2 insists on opening
 * it for writing). The template's memory is shared by all clones, so none of them may be able to write it: the
 * one file named /memory is opened read-only instead, which is all that a private mapping needs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

typedef int open_function(const char *, int, ...);

static int forward(const char *symbol, const char *path, int flags, mode_t mode)
{
	if (strcmp(path, "/memory") == 0) flags = (flags & ~O_ACCMODE) | O_RDONLY;
	open_function *next = (open_function *)dlsym(RTLD_NEXT, symbol);
	return next(path, flags, mode);
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

__attribute__((visibility("default"))) int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return forward("open64", path, flags, mode);
}

/* What open64 becomes in a fortified program when the flags are not known at compile time. */
__attribute__((visibility("default"))) int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return forward("open64", path, flags, 0);
}
