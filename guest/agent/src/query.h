/* The query part of a request's path. */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %xx and '+'. False if the parameter is missing, malformed, holds a zero byte, or does not fit. */
bool query_get(const char *query, const char *name, char *into, size_t cap);

/* A whole number in octal (with a leading 0) or decimal digits; false if it is missing, malformed or above `max`. */
bool query_number(const char *query, const char *name, unsigned long max, unsigned long *into);

#endif
