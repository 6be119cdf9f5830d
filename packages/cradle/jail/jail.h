/* What the launcher of a VMM and a mould that forks VMMs have in common: see jail.c. */
#ifndef JAIL_H
#define JAIL_H

#include <sys/types.h>

/* The descriptors that a VMM gets from its launcher; a mould has the last two. */
enum { STATE_FD = 3, TAP_FD = 4, MOULD_NAMESPACE_FD = 5, MOULD_ROOT_FD = 6 };
enum { LISTS_MAX = 16 };
/* Of every tap. */
#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

struct options {
	const char *dir;
	uid_t uid;
	const char *cgroups[LISTS_MAX];
	int cgroup_count;
	struct { const char *source, *name; int writable; } files[LISTS_MAX];
	int file_count;
	const char *preload;
	int kvm, hostpaths, mould;
	const char *tap_netns, *tap_name;
	char **command;
};

/* Says what failed, with errno's words, on stderr; ends the process. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* DIR/NAME, never freed. */
const char *join(const char *dir, const char *name);
void write_file(const char *path, int flags, const char *text);
/* Fills `o` from an argument vector, from its second on. */
void parse(int argc, char **argv, struct options *o);

/* jail.c: in the process that becomes the VMM. */
void open_namespaces(void);
/* A tap in this network namespace, as a descriptor above `TAP_FD`. */
int open_tap(void);
/* tap.c: the same, of one that has stayed in the network namespace at this path. The caller is in that namespace then. */
int take_tap(const char *netns, const char *name);
/* Whether the tap of a VMM stays where it is once the VMM has ended. */
void keep_tap(pid_t vmm, int stays);
void build_root(const struct options *o);
void drop_privileges(const struct options *o);

/*
 * keeper.c: joins the control groups and forks the process that calls `become`, with the log as its stdout and stderr. It is to
 * read a byte from `go` before it does anything for a guest. Prints its pid, and keeps it until its end.
 */
_Noreturn void keep(const struct options *o, void (*become)(const struct options *o, int go), const char *launcher);
/* The rest of the keeper's work: of a child whose output comes from stdin, with the log as stderr. */
_Noreturn void keep_on(const char *dir, pid_t pid);

#endif
