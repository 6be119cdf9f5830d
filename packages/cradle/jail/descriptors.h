/*
 * What a fork of a VMM must not share with the one it was forked from: its descriptors of events, signals and sockets, and its tap. One
 * of a kind that isn't known ends the fork, unless nothing can be changed through it.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

/* In a fork, while /proc is there: looks at what it has beside its stdin, stdout and stderr, and `own`, which are its own. */
void descriptors_survey(int own);
/* Then, in its own jail and as its own user: each is replaced by one of its own. `tap` takes the tap's place. */
void descriptors_replace(int tap);

#endif
