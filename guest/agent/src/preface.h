/* Finds `KRAUD/1 <32 lower-case hex digits>\n` in a stream of bytes, wherever it begins. */
#ifndef PREFACE_H
#define PREFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFACE_BYTES 41

struct preface {
  char line[PREFACE_BYTES];
  size_t matched;
};

/* Consumes up to and including a preface. `*used` bytes were taken; true once `line` is whole. */
bool preface_feed(struct preface *preface, const uint8_t *data, size_t len, size_t *used);

#endif
