/*
 * A mould may be of a VMM that waits for a VM's state, with memory that nothing is in: each fork is given the memory, and the state, of a
 * VM that slept.
 */
#ifndef RENEW_H
#define RENEW_H

/* In a mould, while /proc is there: finds where the guest's memory is. */
void renew_find(void);
/* In a fork, in its own jail: the memory is that of /memory and /layout, and /state is the state's descriptor. */
void renew_guest(void);

#endif
