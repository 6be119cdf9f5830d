#include "preface.h"

#include <string.h>

static bool fits(size_t at, uint8_t byte) {
  if (at < 8) return byte == (uint8_t) "KRAUD/1 "[at];
  if (at < PREFACE_BYTES - 1) return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
  return byte == '\n';
}

bool preface_feed(struct preface *preface, const uint8_t *data, size_t len, size_t *used) {
  for (size_t i = 0; i < len; i++) {
    /* A byte that breaks a match may begin the next one: 'K' occurs nowhere else in the line. */
    if (!fits(preface->matched, data[i])) preface->matched = 0;
    if (!fits(preface->matched, data[i])) continue;
    preface->line[preface->matched++] = (char)data[i];
    if (preface->matched == PREFACE_BYTES) {
      preface->matched = 0;
      *used = i + 1;
      return true;
    }
  }
  *used = len;
  return false;
}
