/* What a fork of a VMM must not share with the one it was forked from: its descriptors of events, sockets and its tap. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

/* In a fork, while /proc is there: looks at what it has. */
void descriptors_survey(void);
/* Then, in its own jail and as its own user: each is replaced by one of its own. `tap` takes the tap's place. */
void descriptors_replace(int tap);

#endif
