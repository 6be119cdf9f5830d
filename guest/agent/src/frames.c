#include "frames.h"

void frame_header(uint8_t header[FRAME_HEADER_BYTES], enum frame_kind kind, uint32_t len) {
  memset(header, 0, FRAME_HEADER_BYTES);
  header[0] = (uint8_t)kind;
  put_u32(header + 4, len);
}

int frame_parse(const uint8_t *data, size_t len, struct frame *frame, size_t *size) {
  if (len < FRAME_HEADER_BYTES) return 0;
  if (data[1] || data[2] || data[3] || data[0] > FRAME_EVENT) return -1;
  uint32_t payload = get_u32(data + 4);
  if (payload > FRAME_PAYLOAD_MAX) return -1;
  if (len - FRAME_HEADER_BYTES < payload) return 0;
  frame->kind = data[0];
  frame->payload = data + FRAME_HEADER_BYTES;
  frame->len = payload;
  *size = FRAME_HEADER_BYTES + payload;
  return 1;
}
