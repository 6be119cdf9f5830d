#include "tar_read.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK 512

static bool number(const uint8_t *field, size_t len, uint64_t *value) {
  *value = 0;
  if (field[0] & 0x80) { /* base 256 */
    if (field[0] & 0x40) return false;
    for (size_t i = 0; i < len; i++) {
      if (*value >> 55) return false;
      *value = *value << 8 | (i ? field[i] : field[i] & 0x3fu);
    }
    return true;
  }
  size_t i = 0;
  while (i < len && (field[i] == ' ' || field[i] == 0)) i++;
  for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
    if (*value >> 60) return false;
    *value = *value << 3 | (uint64_t)(field[i] - '0');
  }
  return i == len || field[i] == ' ' || field[i] == 0;
}

static bool checksum_fits(const uint8_t *block) {
  uint64_t wanted;
  unsigned sum = 0;
  if (!number(block + 148, 8, &wanted)) return false;
  for (size_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : block[i];
  return sum == wanted;
}

static char *text_of(const uint8_t *field, size_t cap) { return must_printf("%.*s", (int)cap, (const char *)field); }

static void free_entry(struct tar_entry *entry) {
  free(entry->name);
  free(entry->link);
  for (size_t i = 0; i < entry->xattrs_count; i++) {
    free(entry->xattrs[i].name);
    free(entry->xattrs[i].value);
  }
  memset(entry, 0, sizeof *entry);
}

void tar_reader_free(struct tar_reader *tar) { free_entry(&tar->entry); }

/* What records said about the entry to come. */
struct overrides {
  char *name, *link;
  bool has_size, has_uid, has_gid, has_mtime;
  uint64_t size, uid, gid;
  int64_t mtime_s, mtime_ns;
  struct tar_entry *entry; /* takes the xattrs */
};

static bool decimal(const char *text, size_t len, uint64_t *value) {
  *value = 0;
  if (len == 0) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9' || *value > UINT64_MAX / 16) return false;
    *value = *value * 10 + (uint64_t)(text[i] - '0');
  }
  return *value <= INT64_MAX;
}

static bool moment(const char *text, size_t len, int64_t *seconds, int64_t *ns) {
  const char *dot = memchr(text, '.', len);
  uint64_t whole, part = 0;
  bool negative = len && text[0] == '-';
  size_t skip = negative ? 1 : 0;
  if (!decimal(text + skip, (dot ? (size_t)(dot - text) : len) - skip, &whole)) return false;
  if (dot) {
    const char *end = text + len;
    uint64_t unit = 100000000;
    for (const char *at = dot + 1; at < end; at++, unit /= 10) {
      if (*at < '0' || *at > '9') return false;
      part += (uint64_t)(*at - '0') * unit;
    }
  }
  *seconds = negative ? -(int64_t)whole : (int64_t)whole;
  *ns = negative ? 0 : (int64_t)part;
  return true;
}

static bool take_record(struct overrides *overrides, const char *key, size_t key_len, const char *value, size_t value_len) {
#define IS(name) (key_len == sizeof(name) - 1 && memcmp(key, name, key_len) == 0)
  static const char xattr[] = "SCHILY.xattr.";
  if (IS("path") || IS("linkpath")) {
    if (memchr(value, 0, value_len)) return false;
    char **text = IS("path") ? &overrides->name : &overrides->link;
    free(*text);
    *text = must_printf("%.*s", (int)value_len, value);
    return true;
  }
  if (IS("size")) return overrides->has_size = decimal(value, value_len, &overrides->size);
  if (IS("uid")) return overrides->has_uid = decimal(value, value_len, &overrides->uid);
  if (IS("gid")) return overrides->has_gid = decimal(value, value_len, &overrides->gid);
  if (IS("mtime")) return overrides->has_mtime = moment(value, value_len, &overrides->mtime_s, &overrides->mtime_ns);
  if (key_len > sizeof xattr - 1 && memcmp(key, xattr, sizeof xattr - 1) == 0) {
    struct tar_entry *entry = overrides->entry;
    if (entry->xattrs_count == TAR_XATTRS_MAX) return false;
    struct tar_xattr *at = &entry->xattrs[entry->xattrs_count++];
    at->name = must_printf("%.*s", (int)(key_len - (sizeof xattr - 1)), key + sizeof xattr - 1);
    at->value = must_calloc(1, value_len + 1);
    memcpy(at->value, value, value_len);
    at->len = value_len;
  }
  return true;
#undef IS
}

static bool take_records(struct overrides *overrides, const char *text, size_t len) {
  while (len) {
    const char *space = memchr(text, ' ', len);
    uint64_t record;
    if (!space || !decimal(text, (size_t)(space - text), &record) || record > len || record < (uint64_t)(space - text) + 3 ||
        text[record - 1] != '\n')
      return false;
    const char *key = space + 1, *end = text + record - 1, *equals = memchr(key, '=', (size_t)(end - key));
    if (!equals || !take_record(overrides, key, (size_t)(equals - key), equals + 1, (size_t)(end - equals - 1))) return false;
    text += record;
    len -= (size_t)record;
  }
  return true;
}

static bool read_exactly(struct tar_reader *tar, void *into, size_t len) { return tar->read(tar->from, into, len) == (ssize_t)len; }

static bool skip(struct tar_reader *tar, uint64_t len) {
  static uint8_t bytes[16 * 1024];
  while (len) {
    size_t part = len < sizeof bytes ? (size_t)len : sizeof bytes;
    if (!read_exactly(tar, bytes, part)) return false;
    len -= part;
  }
  return true;
}

static bool zero_block(const uint8_t *block) {
  for (size_t i = 0; i < BLOCK; i++)
    if (block[i]) return false;
  return true;
}

/* The body of a record entry, as text; NULL if it is too large or breaks off. */
static char *record_body(struct tar_reader *tar, uint64_t size) {
  if (size > TAR_RECORD_BYTES_MAX) return NULL;
  size_t padded = (size_t)((size + BLOCK - 1) / BLOCK * BLOCK);
  char *text = must_calloc(1, padded + 1);
  if (read_exactly(tar, text, padded)) {
    text[size] = 0;
    return text;
  }
  free(text);
  return NULL;
}

static bool fill(struct tar_entry *entry, const uint8_t *block, struct overrides *overrides) {
  uint64_t mode, mtime, major, minor;
  if (!number(block + 100, 8, &mode) || !number(block + 108, 8, &entry->uid) || !number(block + 116, 8, &entry->gid) ||
      !number(block + 124, 12, &entry->size) || !number(block + 136, 12, &mtime) || !number(block + 329, 8, &major) ||
      !number(block + 337, 8, &minor))
    return false;
  bool ustar = memcmp(block + 257, "ustar", 5) == 0, posix = memcmp(block + 257, "ustar\0", 6) == 0;
  entry->type = block[156] == 0 || block[156] == '7' ? '0' : (char)block[156];
  entry->mode = (uint32_t)mode & 07777;
  entry->major = ustar ? (unsigned)major : 0;
  entry->minor = ustar ? (unsigned)minor : 0;
  entry->mtime_s = (int64_t)mtime;
  entry->link = overrides->link ? overrides->link : text_of(block + 157, 100);
  if (overrides->name) {
    entry->name = overrides->name;
  } else if (posix && block[345]) {
    AUTO_FREE char *prefix = text_of(block + 345, 155);
    AUTO_FREE char *name = text_of(block, 100);
    entry->name = must_printf("%s/%s", prefix, name);
  } else {
    entry->name = text_of(block, 100);
  }
  overrides->name = overrides->link = NULL;
  if (overrides->has_size) entry->size = overrides->size;
  if (overrides->has_uid) entry->uid = overrides->uid;
  if (overrides->has_gid) entry->gid = overrides->gid;
  if (overrides->has_mtime) {
    entry->mtime_s = overrides->mtime_s;
    entry->mtime_ns = overrides->mtime_ns;
  }
  /* Old archives mark a directory by the slash only. */
  size_t len = strlen(entry->name);
  if (entry->type == '0' && len && entry->name[len - 1] == '/') entry->type = '5';
  return entry->uid <= UINT32_MAX && entry->gid <= UINT32_MAX && entry->size <= INT64_MAX;
}

int tar_next(struct tar_reader *tar, struct fault *fault) {
  uint8_t block[BLOCK];
  struct overrides overrides = {.entry = &tar->entry};
  int result = -1;
  if (!skip(tar, tar->body_left) || !skip(tar, tar->padding)) {
    fail(fault, "corrupt", "the archive breaks off");
    return -1;
  }
  tar->body_left = tar->padding = 0;
  free_entry(&tar->entry);
  for (;;) {
    ssize_t got = tar->read(tar->from, block, BLOCK);
    if (got == 0 || (got == BLOCK && zero_block(block))) {
      /* What follows the end is read away, or whoever writes it would wait for ever. */
      while (tar->read(tar->from, block, BLOCK) > 0) {}
      result = 0;
      break;
    }
    if (got != BLOCK) {
      fail(fault, "corrupt", "the archive breaks off");
      break;
    }
    uint64_t size;
    if (!checksum_fits(block) || !number(block + 124, 12, &size)) {
      fail(fault, "corrupt", "not a tar archive");
      break;
    }
    char type = (char)block[156];
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      AUTO_FREE char *text = record_body(tar, size);
      bool ok = text != NULL;
      if (ok && type == 'x') ok = take_records(&overrides, text, (size_t)size);
      if (ok && (type == 'L' || type == 'K')) {
        char **into = type == 'L' ? &overrides.name : &overrides.link;
        free(*into);
        *into = must_strdup(text);
      }
      if (ok) continue;
      fail(fault, "corrupt", "the archive has a malformed or too large extended header");
      break;
    }
    if (!fill(&tar->entry, block, &overrides)) {
      fail(fault, "corrupt", "the archive has a malformed header");
      break;
    }
    if (!strchr("0123456", tar->entry.type)) {
      fail(fault, "unsupported", "the archive has an entry of an unknown type ('%c'): %s", tar->entry.type, tar->entry.name);
      break;
    }
    if (tar->entry.type != '0') tar->entry.size = 0;
    tar->body_left = tar->entry.size;
    tar->padding = (BLOCK - tar->entry.size % BLOCK) % BLOCK;
    result = 1;
    break;
  }
  free(overrides.name);
  free(overrides.link);
  return result;
}

ssize_t tar_body(struct tar_reader *tar, void *into, size_t cap) {
  size_t len = tar->body_left < cap ? (size_t)tar->body_left : cap;
  if (len == 0) return 0;
  if (!read_exactly(tar, into, len)) return -1;
  tar->body_left -= len;
  return (ssize_t)len;
}
