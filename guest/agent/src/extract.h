/* Unpacks a tar stream into the working directory of a process that has the container's root as its own. */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "tar_read.h"

struct extract_options {
  bool no_overwrite_dir_non_dir;
  bool chown_all;
  uid_t uid;
  gid_t gid;
};

bool extract(struct tar_reader *tar, const struct extract_options *options, struct fault *fault);
/* "./a//b/" becomes "a/b"; "" for the top. False for a path that climbs. */
bool clean_path(const char *path, char *into, size_t cap);

#endif
