/*
 * The way to the host: the virtio-serial port `kraud.agent`, or (tests) a listening unix socket.
 *
 *   waiting --preface--> session --end of file, or bytes that are no HTTP/2--> waiting
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `where`: a port's name, or unix:PATH. Dies if it can't be had. */
void port_init(const char *where);
/* Whether it is worth making more output now. */
bool port_out_room(void);
void port_write(const uint8_t *data, size_t len);
void port_flush(void);

#endif
