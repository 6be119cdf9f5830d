/* A tar stream from files: ustar, with pax records for what ustar can't say. */
#ifndef TAR_WRITE_H
#define TAR_WRITE_H

#include "base.h"

struct seen_inode;

struct tar_writer {
  int out;
  bool whiteouts; /* the tree is an overlay's upper layer: its marks become OCI's */
  bool own_files; /* of /dev and what the kernel shows as files (/proc, /sys) only the directory itself */
  struct seen_inode *seen;
};

/* `name` in `dir` (not followed if a link) and all below it, as `as`. Sockets are left out. False: the errno is set. */
bool tar_write_tree(struct tar_writer *tar, int dir, const char *name, const char *as);
/* What is in `dir`, with names below `as` (which may be ""). */
bool tar_write_children(struct tar_writer *tar, int dir, const char *as);
bool tar_write_end(struct tar_writer *tar);

#endif
