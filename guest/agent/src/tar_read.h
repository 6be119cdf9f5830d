/* Reads a tar stream entry by entry: ustar, pax, GNU long names. Everything in it is hostile until it is checked here. */
#ifndef TAR_READ_H
#define TAR_READ_H

#include "base.h"

#define TAR_RECORD_BYTES_MAX (1u << 20)
#define TAR_XATTRS_MAX 32

struct tar_xattr {
  char *name;
  uint8_t *value;
  size_t len;
};

struct tar_entry {
  char *name, *link; /* never NULL; no zero byte within, not yet checked for ".." */
  char type;         /* '0' file, '1' hard link, '2' link, '3' '4' device, '5' directory, '6' fifo */
  uint32_t mode;
  uint64_t uid, gid, size;
  int64_t mtime_s, mtime_ns;
  unsigned major, minor;
  struct tar_xattr xattrs[TAR_XATTRS_MAX];
  size_t xattrs_count;
};

struct tar_reader {
  /* As read(2): fewer bytes than asked for only at the end; -1 is a fault. */
  ssize_t (*read)(void *from, void *into, size_t len);
  void *from;
  struct tar_entry entry;
  uint64_t body_left, padding;
};

/* 1: `entry` is the next one; 0: the end; -1: the fault. What is left of the last body is skipped. */
int tar_next(struct tar_reader *tar, struct fault *fault);
/* Bytes of the entry's body; 0 at its end, -1 if the stream breaks off. */
ssize_t tar_body(struct tar_reader *tar, void *into, size_t cap);
void tar_reader_free(struct tar_reader *tar);

#endif
