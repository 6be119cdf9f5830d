/* The frames of mixed streams: 1 byte kind, 3 bytes zero, 4 bytes big-endian length, payload. */
#ifndef FRAMES_H
#define FRAMES_H

#include "base.h"

#define FRAME_HEADER_BYTES 8
#define FRAME_PAYLOAD_MAX (1u << 20)

enum frame_kind { FRAME_STDIN, FRAME_STDOUT, FRAME_STDERR, FRAME_EXIT, FRAME_LOG, FRAME_ACK, FRAME_EVENT };

struct frame {
  uint8_t kind;
  const uint8_t *payload;
  uint32_t len;
};

void frame_header(uint8_t header[FRAME_HEADER_BYTES], enum frame_kind kind, uint32_t len);
/* 1: a whole frame at the front of data, `*size` bytes long in all; 0: more is needed; -1: not a frame. */
int frame_parse(const uint8_t *data, size_t len, struct frame *frame, size_t *size);

#endif
