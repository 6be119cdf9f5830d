/* Tests of what the agent parses and keeps, against the fixtures that the host's tests read too. */
#include "base.h"
#include "extract.h"
#include "frames.h"
#include "logs.h"
#include "mounts.h"
#include "names.h"
#include "preface.h"
#include "query.h"
#include "share_state.h"
#include "tar_read.h"
#include "users.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static int failures, checks;

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    checks++;                                                                                                          \
    if (!(condition)) {                                                                                                \
      failures++;                                                                                                      \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                           \
      printf(__VA_ARGS__);                                                                                             \
      printf("\n");                                                                                                    \
    }                                                                                                                  \
  } while (0)

static char *load(const char *name) {
  AUTO_FREE char *path = must_printf("../../fixtures/%s", name);
  char *text = must_calloc(1, 1 << 20);
  if (read_file_at(-100 /* AT_FDCWD */, path, text, 1 << 20) < 0) die("no %s", path);
  return text;
}

static size_t unhex(const char *text, uint8_t *into) {
  size_t len = 0;
  for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2) into[len++] = (uint8_t)byte;
  return len;
}

/* Calls `test` with the two sides of the tab of each line. */
static void each_line(const char *name, char separator, void (*test)(const char *, const char *)) {
  char *text = load(name), *next;
  for (char *line = text; *line; line = next) {
    size_t len = strcspn(line, "\n");
    next = line + len + (line[len] == '\n');
    line[len] = 0;
    char *tab = strchr(line, separator);
    if (line[0] == '#' || !tab) continue;
    *tab = 0;
    test(line, tab + 1);
  }
  free(text);
}

static void test_preface(const char *hex, const char *expected) {
  uint8_t bytes[256];
  size_t len = unhex(hex, bytes), used;
  /* In one piece, and byte by byte. */
  struct preface whole = {0}, pieces = {0};
  bool found = preface_feed(&whole, bytes, len, &used);
  CHECK(found == (expected[0] != '-') && (!found || used == (size_t)atoi(expected)), "%s", hex);
  size_t at = 0;
  bool found_too = false;
  while (at < len && !found_too) found_too = preface_feed(&pieces, bytes + at++, 1, &used);
  CHECK(found_too == found && (!found || at == (size_t)atoi(expected)), "%s", hex);
}

static void test_frame(const char *hex, const char *expected) {
  static const char *const kinds[] = {"stdin", "stdout", "stderr", "exit", "log", "ack", "event"};
  uint8_t bytes[256], payload[256];
  char kind[16] = "", payload_hex[256] = "";
  int want_len = 0;
  struct frame frame;
  size_t size;
  size_t len = unhex(hex, bytes);
  int got = frame_parse(bytes, len, &frame, &size);
  sscanf(expected, "%15s %d %255s", kind, &want_len, payload_hex);
  if (strcmp(kind, "more") == 0) {
    CHECK(got == 0, "%s", hex);
  } else if (strcmp(kind, "bad") == 0) {
    CHECK(got == -1, "%s", hex);
  } else {
    CHECK(got == 1 && strcmp(kinds[frame.kind], kind) == 0 && frame.len == (uint32_t)want_len, "%s", hex);
    CHECK(got == 1 && unhex(payload_hex, payload) == frame.len && memcmp(payload, frame.payload, frame.len) == 0, "%s", hex);
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header(header, frame.kind, frame.len);
    CHECK(memcmp(header, bytes, sizeof header) == 0, "%s", hex);
  }
}

static void test_log_entry(const char *hex, const char *expected) {
  uint8_t bytes[256], body[256], head[LOG_FRAME_HEAD_BYTES];
  unsigned long long offset;
  long long time;
  int stream;
  char body_hex[64];
  size_t len = unhex(hex, bytes);
  CHECK(sscanf(expected, "%llu %lld %d %63s", &offset, &time, &stream, body_hex) == 4, "%s", expected);
  struct log_entry entry = {.offset = offset, .time_ns = time, .stream = (uint8_t)stream};
  log_head(head, &entry);
  CHECK(memcmp(head, bytes, sizeof head) == 0, "%s", hex);
  CHECK(unhex(body_hex, body) == len - sizeof head && memcmp(body, bytes + sizeof head, len - sizeof head) == 0, "%s", hex);
}

static void test_name(const char *expected, const char *name) { CHECK(valid_name(name) == (expected[0] == 'y'), "%s", name); }

static void test_user(const char *user, const char *expected) {
  AUTO_FREE char *passwd = load("guest-passwd.txt");
  AUTO_FREE char *group = load("guest-group.txt");
  struct identity identity;
  struct fault fault;
  char got[512] = "-";
  if (identity_find(passwd, group, user, NULL, &identity, &fault)) {
    int used = snprintf(got, sizeof got, "%u %u ", identity.uid, identity.gid);
    for (size_t i = 0; i < identity.groups_count; i++)
      used += snprintf(got + used, sizeof got - (size_t)used, "%s%u", i ? "," : "", identity.groups[i]);
    snprintf(got + used, sizeof got - (size_t)used, " %s", identity.home);
  }
  CHECK(strcmp(got, expected) == 0, "user '%s': got '%s', not '%s'", user, got, expected);
}

static void test_logs(void) {
  struct logs logs;
  logs_init(&logs, 4096);
  size_t added = 0;
  while (logs_room(&logs)) {
    size_t len = logs_room(&logs) < 100 ? logs_room(&logs) : 100;
    uint8_t bytes[100] = {(uint8_t)added};
    logs_add(&logs, 1, 0, bytes, len);
    added += len;
  }
  CHECK(logs.end_offset == added && added < 4096, "%zu", added);
  const struct log_entry *entry = logs_next(&logs);
  CHECK(entry && entry->offset == 0, "first");
  CHECK((entry = logs_next(&logs)) && entry->offset == 100, "second");
  logs_ack(&logs, 150);
  CHECK(logs.first->offset == 100, "an entry that is only partly acknowledged stays");
  CHECK(logs_room(&logs) > 0, "room");
  logs_rewind(&logs);
  CHECK((entry = logs_next(&logs)) && entry->offset == 100, "rewound");
  logs_ack(&logs, UINT64_MAX);
  CHECK(!logs.first && !logs.last && !logs.cursor && logs.held_bytes == 0, "empty");
  logs_add(&logs, 2, 0, "x", 1);
  CHECK(logs.first->offset == added && logs.cursor == logs.first, "offsets go on");
  logs_free(&logs);
}

static void test_query(void) {
  char value[16];
  CHECK(query_get("a=1&path=%2Fx%20y", "path", value, sizeof value) && strcmp(value, "/x y") == 0, "%s", value);
  CHECK(query_get("keep", "keep", value, sizeof value) && !value[0], "no value");
  CHECK(!query_get("apath=1", "path", value, sizeof value), "another name");
  CHECK(!query_get("path=%2", "path", value, sizeof value) && !query_get("path=%zz", "path", value, sizeof value), "cut");
  CHECK(!query_get("path=a%00b", "path", value, sizeof value), "a zero byte");
  CHECK(!query_get("path=0123456789abcdef", "path", value, sizeof value), "too long");
  unsigned long number = 0;
  CHECK(query_number("m=0444", "m", 07777, &number) && number == 0444, "%lu", number);
  CHECK(query_number("m=1000", "m", 1000, &number) && number == 1000, "%lu", number);
  CHECK(query_number("m=0", "m", 0, &number) && number == 0, "%lu", number);
  CHECK(!query_number("m=1001", "m", 1000, &number) && !query_number("m=", "m", 1000, &number), "out of range, empty");
  CHECK(!query_number("m=-1", "m", 1000, &number) && !query_number("m=09", "m", 1000, &number), "no digits");
  CHECK(!query_number("m=99999999999999999999", "m", 1000, &number) && !query_number("n=1", "m", 1000, &number), "too long, missing");
}

static void test_paths(void) {
  char path[32];
  CHECK(clean_path("./a//b/./c/", path, sizeof path) && strcmp(path, "a/b/c") == 0, "%s", path);
  CHECK(clean_path("/", path, sizeof path) && !path[0], "%s", path);
  CHECK(!clean_path("a/../b", path, sizeof path) && !clean_path("..", path, sizeof path), "climbs");
  CHECK(clean_path("..a/b..", path, sizeof path), "dots in names");
  CHECK(!clean_path("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", path, sizeof path), "too long");
}

static void test_options(void) {
  unsigned long flags = MS_NOEXEC;
  char own[32];
  CHECK(mount_options("rw,size=1m,exec,,ro,mode=755", &flags, own, sizeof own), "fits");
  CHECK(flags == MS_RDONLY && strcmp(own, "size=1m,mode=755") == 0, "%lx %s", flags, own);
  CHECK(!mount_options("size=11111111111111111111111111111111", &flags, own, sizeof own), "too long");
}

static void test_names(void) {
  CHECK(capability_number("CHOWN") == 0 && capability_number("cap_sys_admin") == 21 && capability_number("FLY") == -1, "capabilities");
  CHECK(rlimit_number("nofile") == 7 && rlimit_number("none") == -1, "limits");
}

struct memory {
  const uint8_t *at;
  size_t left;
};

static ssize_t from_memory(void *from, void *into, size_t len) {
  struct memory *memory = from;
  size_t part = memory->left < len ? memory->left : len;
  memcpy(into, memory->at, part);
  memory->at += part;
  memory->left -= part;
  return (ssize_t)part;
}

/* What GNU tar writes in three formats comes out the same. */
static void test_tar(void) {
  static const char *const formats[] = {"pax", "gnu", "ustar"};
  for (size_t i = 0; i < 3; i++) {
    AUTO_FREE char *command = must_printf(
        "cd build && rm -rf tree && mkdir -p tree/%0*d && echo hello > tree/file && touch -d @981173106.5 tree/file && ln -s file tree/link && "
        "tar --sort=name --format=%s --owner=7 --group=8 -cf tree.tar tree", i == 2 ? 20 : 120, 0, formats[i]);
    CHECK(system(command) == 0, "%s", command);
    static char bytes[1 << 20];
    ssize_t len = read_file_at(-100, "build/tree.tar", bytes, sizeof bytes);
    struct memory memory = {(uint8_t *)bytes, (size_t)(len < 0 ? 0 : len)};
    struct tar_reader tar = {.read = from_memory, .from = &memory};
    struct fault fault = {0};
    int entries = 0, got;
    char body[16] = "";
    while ((got = tar_next(&tar, &fault)) > 0) {
      entries++;
      const struct tar_entry *entry = &tar.entry;
      if (strcmp(entry->name, "tree/file") == 0) {
        CHECK(entry->type == '0' && entry->size == 6 && entry->uid == 7 && entry->gid == 8 && entry->mtime_s == 981173106, "%s", formats[i]);
        CHECK(i != 0 || entry->mtime_ns == 500000000, "%lld", (long long)entry->mtime_ns);
        CHECK(tar_body(&tar, body, sizeof body) == 6 && strcmp(body, "hello\n") == 0, "%s", body);
      }
      if (strcmp(entry->name, "tree/link") == 0) CHECK(entry->type == '2' && strcmp(entry->link, "file") == 0, "%s", entry->link);
      if (strlen(entry->name) > 100) CHECK(strlen(entry->name) == 126, "%s", entry->name);
    }
    CHECK(got == 0 && entries == 4, "%s: %d entries, %s", formats[i], entries, fault.message);
    tar_reader_free(&tar);
  }
}

/* What a new keeper would be told, in one line. */
static char *told(void) {
  struct buf out = {0};
  char *text = must_strdup("");
  share_state_tell(&out);
  for (size_t at = 0; at < out.len;) {
    struct fuse_in_header head;
    struct fuse_lk_in lock = {0};
    memcpy(&head, buf_at(&out) + at, sizeof head);
    if (head.opcode == FUSE_SETLK) memcpy(&lock, buf_at(&out) + at + sizeof head, sizeof lock);
    char *more = head.opcode == FUSE_SETLK ? must_printf("%s lock %d %d-%d", text, (int)head.nodeid, (int)lock.lk.start, (int)lock.lk.end)
                                           : must_printf("%s open %d", text, (int)head.nodeid);
    free(text);
    text = more;
    at += head.len;
  }
  buf_free(&out);
  return text;
}

static void set_lock(uint32_t type, uint64_t start, uint64_t end) {
  grants_set(5, &(struct fuse_lk_in){.owner = 9, .lk = {.start = start, .end = end, .type = type}});
}

static void test_share_state(void) {
  struct buf out = {0};
  opens_add(5, OPEN_READ);
  opens_add(5, OPEN_READ);
  set_lock(1 /* F_WRLCK */, 10, 29);
  set_lock(2 /* F_UNLCK */, 15, 19);
  AUTO_FREE char *split = told();
  CHECK(strcmp(split, " open 5 lock 5 20-29 lock 5 10-14") == 0, "%s", split);
  set_lock(0 /* F_RDLCK */, 0, 99);
  AUTO_FREE char *whole = told();
  CHECK(strcmp(whole, " open 5 lock 5 0-99") == 0, "%s", whole);
  opens_remove(5, OPEN_READ, &out);
  CHECK(out.len == 0, "%zu", out.len);
  /* With the last open the locks go, too: a RELEASE and a SETLK. */
  opens_remove(5, OPEN_READ, &out);
  AUTO_FREE char *nothing = told();
  CHECK(nothing[0] == 0 && out.len > 0, "%s", nothing);
  buf_free(&out);
}

static void test_close_all_but(void) {
  int kept = dup(1), gone = dup(1), also = dup(1);
  close_all_but((int[]){also, kept, -1}, 3);
  CHECK(fcntl(kept, F_GETFD) >= 0 && fcntl(also, F_GETFD) >= 0 && fcntl(gone, F_GETFD) < 0, "%d %d %d", kept, gone, also);
  close(kept);
  close(also);
}

int main(void) {
  each_line("guest-preface.txt", '\t', test_preface);
  each_line("guest-frames.txt", '\t', test_frame);
  each_line("guest-log-entry.txt", '\t', test_log_entry);
  each_line("guest-names.txt", ' ', test_name);
  each_line("guest-users.txt", '\t', test_user);
  test_logs();
  test_query();
  test_paths();
  test_options();
  test_names();
  test_tar();
  test_share_state();
  test_close_all_but();
  printf("%d checks, %d failures\n", checks, failures);
  return failures != 0;
}
