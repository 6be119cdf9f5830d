/*
 * kraud-jail: runs one VMM where a guest that takes it over finds nothing but its own pod.
 *
 *   kraud-jail [options] -- /usr/bin/qemu-system-x86_64 ARGS…
 *
 *   --dir DIR          the VM's directory: its disks/, run/ and hostpaths/ are all of it that the VMM sees
 *   --uid N            user and group of the VMM
 *   --cgroup DIR       joined by all of us; may be repeated (one per controller on cgroup v1)
 *   --file SRC NAME    one more host file, read-only, as /NAME in the jail; may be repeated
 *   --writable-file …  the same, but writable: the memory of a template that is being made
 *   --kvm              /dev/kvm is there
 *   --hostpaths        DIR/hostpaths is shown, later mounts in it too, and the VMM keeps what faithful file
 *                      ownership needs (CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID)
 *   --preload NAME     LD_PRELOAD=/NAME for the VMM
 *   --tap NETNS NAME   its tap is the one of this name that has stayed in the network namespace at this path; it goes on staying
 *
 *   kraud-jail --tap-stays PID | --tap-goes PID
 *
 * says what becomes of a VMM's tap when it ends.
 *
 *   kraud-jail --tsc-khz
 *
 * prints how fast this host's time stamp counter runs: a guest under emulation sees that counter, and has no means
 * of its own to find out.
 *
 * The one that is started stays as the keeper: it prints the VMM's pid on stdout, copies a bounded amount of its
 * stderr to DIR/log, and leaves how it ended in DIR/exit ("exit 0", "signal 9"), so that a daemon which was not
 * there can still know. The VMM is pid 1 of its own pid namespace, and gets the tap of its own network namespace
 * as fd 4 and whatever the caller passed as fd 3. It dies with the keeper.
 */
#define _GNU_SOURCE
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static void hand_over(int fd, int number)
{
	if (fd < 0 || (fd != number && (dup2(fd, number) < 0 || close(fd) < 0))) die("descriptor %d", number);
}

/* What a mould needs to leave its jail again, for each VMM that is to have another. */
static void open_way_out(char **env)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	if (len < 0 || asprintf(env, "KRAUD_LAUNCHER=%.*s", (int)len, path) < 0) die("find the launcher");
	hand_over(open("/proc/self/ns/mnt", O_RDONLY), MOULD_NAMESPACE_FD);
	hand_over(open("/", O_PATH | O_DIRECTORY), MOULD_ROOT_FD);
}

static void run_vmm(const struct options *o, int go)
{
	char *env[] = {"PATH=/usr/bin", "LANG=C", NULL, NULL, NULL}, **end = env + 2;
	/* Before there is a tap, which might get their numbers. */
	hand_over(open("/dev/null", O_RDONLY), TAP_FD);
	if (o->mould) open_way_out(end++);
	if (o->tap_name) hand_over(take_tap(o->tap_netns, o->tap_name), TAP_FD);
	open_namespaces();
	if (!o->tap_name) hand_over(open_tap(), TAP_FD);
	build_root(o);
	signal(SIGXFSZ, SIG_IGN); /* a write past the limit fails instead of killing */
	if (!o->mould) drop_privileges(o);
	else if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) die("pdeathsig");
	char byte;
	if (read(go, &byte, 1) != 1) _exit(125); /* the keeper is gone */
	close(go);
	if (o->preload && asprintf(end, "LD_PRELOAD=/%s", o->preload) < 0) die("asprintf");
	execve(o->command[0], o->command, env);
	die("exec %s", o->command[0]);
}

/* Long enough that the error is a few parts in a million. */
static int print_tsc_khz(void)
{
	struct timespec from, to, wait = {.tv_nsec = 50 * 1000 * 1000};
	clock_gettime(CLOCK_MONOTONIC_RAW, &from);
	unsigned long long first = __rdtsc();
	nanosleep(&wait, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &to);
	unsigned long long ticks = __rdtsc() - first;
	double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
	printf("%.0f\n", (double)ticks * 1e6 / ns);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--tsc-khz")) return print_tsc_khz();
	if (argc == 3 && (!strcmp(argv[1], "--tap-stays") || !strcmp(argv[1], "--tap-goes"))) {
		keep_tap(atoi(argv[2]), !strcmp(argv[1], "--tap-stays"));
		return 0;
	}
	struct options o = {0};
	if (argc == 5 && !strcmp(argv[1], "--dir") && !strcmp(argv[3], "--keep")) keep_on(argv[2], atoi(argv[4]));
	parse(argc, argv, &o);
	errno = EINVAL;
	if (!o.command || !o.command[0]) die("no command");
	if (fcntl(STATE_FD, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != STATE_FD) die("open /dev/null");
	keep(&o, run_vmm, NULL);
}
