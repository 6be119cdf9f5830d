/* File systems, and paths that stay inside a container's root whatever links its image holds. */
#ifndef MOUNTS_H
#define MOUNTS_H

#include "base.h"

#define RUN_DIR "/run/kraud"

/* As openat, but with `root` as "/" for absolute paths, links and "..". */
int open_in_root(int root, const char *path, int flags);
/* An O_PATH descriptor of the directory, made (0755) with its parents where missing. */
int make_dir_in_root(int root, const char *path);
/* The same for an empty regular file, to mount a file over; what is there already stays. */
int make_file_in_root(int root, const char *path);
/* A file system on the directory that `target` means. */
int mount_on(int target, const char *type, const char *source, unsigned long flags, const char *options);
/* What `source` means, with what is mounted below it, on what `target` means. */
int bind_on(int source, int target, bool read_only);
/* Splits "ro,size=1m" into mount flags and the file system's own options (at most `cap` bytes). */
bool mount_options(const char *options, unsigned long *flags, char *own, size_t cap);
/* Every directory of the path, 0755. */
int make_dirs(const char *path);

#endif
