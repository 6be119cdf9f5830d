/* Who a process runs as, by the rules of Docker, from the image's own /etc/passwd and /etc/group. */
#ifndef USERS_H
#define USERS_H

#include "base.h"

#include <jansson.h>

#define GROUPS_MAX 64
#define ACCOUNT_FILE_BYTES_MAX (4u << 20)

struct identity {
  uid_t uid;
  gid_t gid;
  gid_t groups[GROUPS_MAX];
  size_t groups_count;
  char home[256], name[64];
};

/*
 * | user       | uid, gid                                                   | supplementary groups      |
 * | ---------- | ---------------------------------------------------------- | ------------------------- |
 * | ''         | 0, 0's group in passwd                                     | those that list its name  |
 * | 'name'     | from passwd, else a fault                                  | those that list the name  |
 * | '1000'     | 1000, its group in passwd, else 0                          | those that list its name  |
 * | 'any:name' | gid from group, else a fault                               | none                      |
 * | 'any:20'   | gid 20                                                     | none                      |
 * `more`: an array of further group names or numbers, or NULL. Both texts end in a zero byte.
 */
bool identity_find(const char *passwd, const char *group, const char *user, const json_t *more,
                   struct identity *identity, struct fault *fault);
/* The same, with the files of the root file system `root`. */
bool identity_in_root(int root, const char *user, const json_t *more, struct identity *identity, struct fault *fault);
/* The account's name, or false. */
bool user_name(const char *passwd, uid_t uid, char *into, size_t cap);
/* The whole file, or an empty text if there is none. To be freed. */
char *account_file(int root, const char *path);

#endif
