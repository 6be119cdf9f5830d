/* One target over everything that the agent parses: the first byte chooses the parser. */
#include "config.h"
#include "extract.h"
#include "frames.h"
#include "mounts.h"
#include "pod.h"
#include "preface.h"
#include "query.h"
#include "tar_read.h"
#include "users.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What config.c asks of the pod. */
const char *pod_hostname(void) { return "pod"; }
const char *pod_domainname(void) { return ""; }

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

static void fuzz_tar(const uint8_t *data, size_t size) {
  /* A fuzzer can't guess checksums: it writes the rest, and each block is given its right one. */
  uint8_t *fixed = must_calloc(1, size + 1);
  memcpy(fixed, data, size);
  for (size_t at = 0; at + 512 <= size; at += 512) {
    unsigned sum = 0;
    if (fixed[at + 148] == 0xee) continue;
    for (size_t i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? ' ' : fixed[at + i];
    for (int digit = 0; digit < 6; digit++) fixed[at + 148 + (size_t)digit] = (uint8_t)('0' + (sum >> (15 - 3 * digit) & 7));
    fixed[at + 154] = 0;
  }
  struct memory memory = {fixed, size};
  struct tar_reader tar = {.read = from_memory, .from = &memory};
  struct fault fault;
  char path[PATH_MAX], body[100];
  while (tar_next(&tar, &fault) > 0) {
    clean_path(tar.entry.name, path, sizeof path);
    clean_path(tar.entry.link, path, sizeof path);
    while (tar_body(&tar, body, sizeof body) > 0) {}
  }
  tar_reader_free(&tar);
  free(fixed);
}

static void fuzz_users(const char *text) {
  struct identity identity;
  struct fault fault;
  const char *rest = text + strcspn(text, "\x01"), *group = *rest ? rest + 1 : "";
  char user[64] = "";
  size_t len = strcspn(text, "\n");
  if (len < sizeof user) memcpy(user, text, len);
  identity_find(text, group, user, NULL, &identity, &fault);
  identity_find(text, group, "1:1", NULL, &identity, &fault);
  user_name(text, 1, user, sizeof user);
}

static void fuzz_config(const char *text, size_t len) {
  struct fault fault;
  json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object(json)) {
    struct container *container = must_calloc(1, sizeof *container);
    container->root = -1;
    config_container(container, json, &fault);
    config_free(&container->plan);
    free(container);
  }
  json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  char *text = must_calloc(1, size);
  memcpy(text, data + 1, size - 1);
  struct preface preface = {0};
  struct frame frame;
  size_t used, left = size - 1;
  char value[64];
  unsigned long flags = 0;
  switch (data[0] % 6) {
    case 0: preface_feed(&preface, data + 1, size - 1, &used); break;
    case 1:
      for (const uint8_t *at = data + 1; frame_parse(at, left, &frame, &used) > 0; at += used, left -= used) {
        volatile uint8_t last = frame.len ? frame.payload[frame.len - 1] : 0;
        (void)last;
      }
      break;
    case 2: fuzz_tar(data + 1, size - 1); break;
    case 3: fuzz_users(text); break;
    case 4: fuzz_config(text, size - 1); break;
    default:
      query_get(text, "a", value, sizeof value);
      query_number(text, "a", 07777, &flags);
      flags = 0;
      mount_options(text, &flags, value, sizeof value);
      valid_name(text);
  }
  free(text);
  return 0;
}
