#include "users.h"

#include "mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct line {
  const char *field[7];
  size_t len[7];
  int fields;
};

/* The next line split at ':', or NULL at the end. */
static const char *next_line(const char *at, struct line *line) {
  memset(line, 0, sizeof *line);
  if (!*at) return NULL;
  const char *end = strchrnul(at, '\n');
  for (const char *field = at; line->fields < 7;) {
    const char *stop = field;
    while (stop < end && *stop != ':') stop++;
    line->field[line->fields] = field;
    line->len[line->fields++] = (size_t)(stop - field);
    if (stop == end) break;
    field = stop + 1;
  }
  return *end ? end + 1 : end;
}

static bool same(const struct line *line, int field, const char *text) {
  return field < line->fields && strlen(text) == line->len[field] &&
         memcmp(line->field[field], text, line->len[field]) == 0;
}

static bool number_of(const char *text, size_t len, uint32_t *number) {
  uint64_t value = 0;
  if (len == 0 || len > 10) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  if (value > INT32_MAX) return false;
  *number = (uint32_t)value;
  return true;
}

/* Digits only, and more than any id can be. */
static bool out_of_range(const char *text) {
  uint32_t number;
  return *text && strspn(text, "0123456789") == strlen(text) && !number_of(text, strlen(text), &number);
}

static bool no_entry(struct fault *fault, const char *what, const char *name, const char *file) {
  if (out_of_range(name)) return fail(fault, "invalid", "uids and gids must be in range 0-%d", INT32_MAX);
  return fail(fault, "invalid", "unable to find %s %s: no matching entries in %s file", what, name, file);
}

static void copy_field(const struct line *line, int field, char *into, size_t cap) {
  size_t len = field < line->fields ? line->len[field] : 0;
  if (len >= cap) len = 0;
  if (len) memcpy(into, line->field[field], len);
  into[len] = 0;
}

static bool find_account(const char *passwd, const char *user, struct identity *identity) {
  uint32_t wanted = 0, uid, gid;
  bool numeric = number_of(user, strlen(user), &wanted);
  struct line line;
  for (const char *at = passwd; (at = next_line(at, &line));) {
    if (line.fields < 4 || !number_of(line.field[2], line.len[2], &uid)) continue;
    if (!same(&line, 0, user) && !(numeric && uid == wanted)) continue;
    if (!number_of(line.field[3], line.len[3], &gid)) continue;
    identity->uid = uid;
    identity->gid = gid;
    copy_field(&line, 0, identity->name, sizeof identity->name);
    copy_field(&line, 5, identity->home, sizeof identity->home);
    return true;
  }
  if (!numeric) return false;
  identity->uid = wanted;
  identity->gid = 0;
  return true;
}

static bool find_group(const char *group, const char *name, gid_t *gid) {
  uint32_t wanted = 0, found;
  bool numeric = number_of(name, strlen(name), &wanted);
  struct line line;
  for (const char *at = group; (at = next_line(at, &line));) {
    if (line.fields < 3 || !number_of(line.field[2], line.len[2], &found)) continue;
    if (!same(&line, 0, name) && !(numeric && found == wanted)) continue;
    *gid = found;
    return true;
  }
  *gid = wanted;
  return numeric;
}

static void add_group(struct identity *identity, gid_t gid) {
  for (size_t i = 0; i < identity->groups_count; i++)
    if (identity->groups[i] == gid) return;
  if (identity->groups_count < GROUPS_MAX) identity->groups[identity->groups_count++] = gid;
}

static bool lists_member(const struct line *line, const char *name) {
  if (line->fields < 4) return false;
  size_t len = strlen(name);
  const char *at = line->field[3], *end = at + line->len[3];
  while (at < end) {
    const char *stop = at;
    while (stop < end && *stop != ',') stop++;
    if ((size_t)(stop - at) == len && memcmp(at, name, len) == 0) return true;
    at = stop + 1;
  }
  return false;
}

bool identity_find(const char *passwd, const char *group, const char *user, const json_t *more,
                   struct identity *identity, struct fault *fault) {
  memset(identity, 0, sizeof *identity);
  char account[128];
  const char *colon = strchr(user, ':');
  size_t account_len = colon ? (size_t)(colon - user) : strlen(user);
  if (account_len >= sizeof account) return fail(fault, "invalid", "the user is too long");
  memcpy(account, user, account_len);
  account[account_len] = 0;
  if (!find_account(passwd, account_len ? account : "0", identity))
    return no_entry(fault, "user", account, "passwd");
  if (colon && colon[1]) {
    if (!find_group(group, colon + 1, &identity->gid))
      return no_entry(fault, "group", colon + 1, "group");
  } else if (identity->name[0]) {
    struct line line;
    uint32_t gid;
    for (const char *at = group; (at = next_line(at, &line));)
      if (lists_member(&line, identity->name) && number_of(line.field[2], line.len[2], &gid)) add_group(identity, gid);
  }
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)more, i, item) {
    const char *name = json_string_value(item);
    gid_t gid;
    if (!name || !find_group(group, name, &gid))
      return no_entry(fault, "group", name ? name : "", "group");
    if (identity->groups_count == GROUPS_MAX) return fail(fault, "invalid", "more than %d groups", GROUPS_MAX);
    add_group(identity, gid);
  }
  if (!identity->home[0]) strcpy(identity->home, "/");
  return true;
}

char *account_file(int root, const char *path) {
  AUTO_CLOSE int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size > ACCOUNT_FILE_BYTES_MAX)
    return must_strdup("");
  char *text = must_calloc(1, (size_t)stat.st_size + 1);
  if (!read_all(fd, text, (size_t)stat.st_size)) text[0] = 0;
  return text;
}

bool identity_in_root(int root, const char *user, const json_t *more, struct identity *identity, struct fault *fault) {
  AUTO_FREE char *passwd = account_file(root, "/etc/passwd");
  AUTO_FREE char *group = account_file(root, "/etc/group");
  return identity_find(passwd, group, user, more, identity, fault);
}

bool user_name(const char *passwd, uid_t uid, char *into, size_t cap) {
  struct line line;
  uint32_t found;
  for (const char *at = passwd; (at = next_line(at, &line));) {
    if (line.fields < 3 || !number_of(line.field[2], line.len[2], &found) || found != uid) continue;
    copy_field(&line, 0, into, cap);
    return into[0] != 0;
  }
  return false;
}
