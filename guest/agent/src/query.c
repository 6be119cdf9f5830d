#include "query.h"

#include <stdlib.h>
#include <string.h>

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool decode(const char *text, size_t len, char *into, size_t cap) {
  size_t out = 0;
  for (size_t i = 0; i < len; i++) {
    char c = text[i];
    if (c == '+') c = ' ';
    if (c == '%') {
      if (i + 2 >= len) return false;
      int high = hex(text[i + 1]), low = hex(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
      c = (char)(high * 16 + low);
      i += 2;
    }
    if (out + 1 >= cap) return false;
    into[out++] = c;
  }
  into[out] = 0;
  return true;
}

bool query_get(const char *query, const char *name, char *into, size_t cap) {
  size_t name_len = strlen(name);
  for (const char *at = query; at && *at;) {
    const char *end = strchrnul(at, '&');
    if ((size_t)(end - at) >= name_len && strncmp(at, name, name_len) == 0 &&
        (at + name_len == end || at[name_len] == '=')) {
      const char *value = at + name_len == end ? end : at + name_len + 1;
      return decode(value, (size_t)(end - value), into, cap);
    }
    at = *end ? end + 1 : end;
  }
  return false;
}

bool query_number(const char *query, const char *name, unsigned long max, unsigned long *into) {
  char text[16], *end;
  if (!query_get(query, name, text, sizeof text) || text[0] < '0' || text[0] > '9') return false;
  *into = strtoul(text, &end, text[0] == '0' ? 8 : 10);
  return !*end && *into <= max;
}
