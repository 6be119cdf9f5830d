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
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <x86intrin.h>
#include <grp.h>
#include <unistd.h>

enum { LISTS_MAX = 16, LOG_BYTES_MAX = 64 * 1024, STATE_FD = 3, TAP_FD = 4 };

struct options {
	const char *dir;
	uid_t uid;
	const char *cgroups[LISTS_MAX];
	int cgroup_count;
	struct { const char *source, *name; int writable; } files[LISTS_MAX];
	int file_count;
	const char *preload;
	int kvm, hostpaths;
	char **command;
};

static const int kept_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID};

static void die(const char *format, ...)
{
	int error = errno;
	va_list args;
	va_start(args, format);
	fputs("kraud-jail: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	_exit(125);
}

static const char *join(const char *dir, const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", dir, name) < 0) die("asprintf");
	return path;
}

static void write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	if (fd < 0) die("open %s", path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die("write %s", path);
	close(fd);
}

/*
 * On v1 by the one thread that we are, which the kernel moves at once; moving a whole process waits for an RCU grace period there
 * (15 to 20 ms on an idle machine).
 */
static void join_cgroup(const char *dir)
{
	const char *tasks = join(dir, "tasks");
	write_file(access(tasks, F_OK) == 0 ? tasks : join(dir, "cgroup.procs"), 0, "0");
}

static const char *next_arg(int argc, char **argv, int *index)
{
	if (++*index >= argc) {
		errno = EINVAL;
		die("option %s needs a value", argv[*index - 1]);
	}
	return argv[*index];
}

static void parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (o->cgroup_count == LISTS_MAX || o->file_count == LISTS_MAX) break;
		if (!strcmp(arg, "--dir")) o->dir = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--uid")) o->uid = (uid_t)strtoul(next_arg(argc, argv, &i), NULL, 10);
		else if (!strcmp(arg, "--cgroup")) o->cgroups[o->cgroup_count++] = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--preload")) o->preload = next_arg(argc, argv, &i);
		else if (!strcmp(arg, "--kvm")) o->kvm = 1;
		else if (!strcmp(arg, "--hostpaths")) o->hostpaths = 1;
		else if (!strcmp(arg, "--file") || !strcmp(arg, "--writable-file")) {
			o->files[o->file_count].writable = arg[2] == 'w';
			o->files[o->file_count].source = next_arg(argc, argv, &i);
			o->files[o->file_count++].name = next_arg(argc, argv, &i);
		} else if (!strcmp(arg, "--")) {
			o->command = argv + i + 1;
			break;
		} else break;
	}
	errno = EINVAL;
	if (!o->dir || !o->uid || !o->command || !o->command[0]) die("bad arguments");
}

static void mount_or_die(const char *source, const char *target, const char *type, unsigned long flags,
			 const char *data)
{
	if (mount(source, target, type, flags, data) < 0) die("mount %s on %s", source, target);
}

static void bind_mount(const char *source, const char *target, unsigned long flags)
{
	mount_or_die(source, target, NULL, MS_BIND | MS_REC, NULL);
	mount_or_die(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_NOSUID | flags, NULL);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST) die("mkdir %s", path);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) die("create %s", path);
	close(fd);
}

static void make_device(const char *path, mode_t mode, unsigned major_, unsigned minor_, uid_t uid)
{
	if (mknod(path, S_IFCHR | mode, makedev(major_, minor_)) < 0) die("mknod %s", path);
	if (chown(path, uid, uid) < 0) die("chown %s", path);
}

/* The tap lives in this network namespace until its owner moves it, and goes when the VMM closes it. */
static void open_tap(void)
{
	int fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0) die("open /dev/net/tun");
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	strcpy(request.ifr_name, "tap0");
	if (ioctl(fd, TUNSETIFF, &request) < 0) die("make the tap");
	if (fd != TAP_FD) {
		if (dup2(fd, TAP_FD) < 0) die("dup2");
		close(fd);
	}
}

/* A root on tmpfs with the host's /usr, this VM's own directories, and four devices. */
static void build_root(const struct options *o)
{
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		die(errno == EINVAL ? "the root directory is no mount point: in a chroot, bind its directory onto itself first" : "mount /");
	const char *root = join(o->dir, "root");
	mount_or_die("jail", root, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=256k");
	static const char *const dirs[] = {"usr", "etc", "dev", "disks", "run", "hostpaths", "proc"};
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) make_dir(join(root, dirs[i]));
	static const char *const links[] = {"lib", "lib64", "bin", "sbin"};
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(join("usr", links[i]), join(root, links[i])) < 0) die("symlink");
	bind_mount("/usr", join(root, "usr"), MS_RDONLY | MS_NODEV);
	make_file(join(root, "etc/ld.so.cache"));
	bind_mount("/etc/ld.so.cache", join(root, "etc/ld.so.cache"), MS_RDONLY | MS_NODEV | MS_NOEXEC);
	make_device(join(root, "dev/null"), 0666, 1, 3, 0);
	make_device(join(root, "dev/zero"), 0666, 1, 5, 0);
	make_device(join(root, "dev/urandom"), 0444, 1, 9, 0);
	if (o->kvm) make_device(join(root, "dev/kvm"), 0600, 10, 232, o->uid);
	bind_mount(join(o->dir, "disks"), join(root, "disks"), MS_NODEV | MS_NOEXEC);
	bind_mount(join(o->dir, "run"), join(root, "run"), MS_NODEV | MS_NOEXEC);
	if (o->hostpaths) {
		mount_or_die(join(o->dir, "hostpaths"), join(root, "hostpaths"), NULL, MS_BIND | MS_REC, NULL);
		/* The 9p server changes modes through /proc/self/fd. It must see nothing of /proc but its own process. */
		mount_or_die("proc", join(root, "proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid");
	}
	for (int i = 0; i < o->file_count; i++) {
		const char *target = join(root, o->files[i].name);
		make_file(target);
		bind_mount(o->files[i].source, target, MS_NODEV | (o->files[i].writable ? 0 : MS_RDONLY));
	}
	mount_or_die(NULL, root, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL);
	if (chdir(root) < 0) die("chdir %s", root);
	if (syscall(SYS_pivot_root, ".", ".") < 0) die("pivot_root");
	if (umount2(".", MNT_DETACH) < 0) die("umount the host's root");
	if (chdir("/") < 0) die("chdir /");
}

static void drop_privileges(const struct options *o)
{
	struct rlimit none = {0, 0}, files = {512, 512};
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0) die("setrlimit");
	unsigned long long kept = 0;
	if (o->hostpaths)
		for (size_t i = 0; i < sizeof kept_caps / sizeof *kept_caps; i++) kept |= 1ull << kept_caps[i];
	for (int cap = 0; cap <= 63; cap++) {
		if (kept >> cap & 1) continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL) die("drop capability %d", cap);
	}
	if (prctl(PR_SET_KEEPCAPS, kept != 0, 0, 0, 0) < 0) die("keep capabilities");
	if (setgroups(0, NULL) < 0) die("setgroups");
	if (setresgid(o->uid, o->uid, o->uid) < 0) die("setresgid");
	if (setresuid(o->uid, o->uid, o->uid) < 0) die("setresuid");
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	memset(data, 0, sizeof data);
	for (int half = 0; half < 2; half++)
		data[half].effective = data[half].permitted = data[half].inheritable = (__u32)(kept >> (32 * half));
	if (syscall(SYS_capset, &header, data) < 0) die("capset");
	for (int cap = 0; cap <= 63; cap++)
		if (kept >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) die("ambient");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die("no_new_privs");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) die("pdeathsig");
}

static void run_vmm(const struct options *o, int go)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) die("unshare");
	if (sethostname("jail", 4) < 0) die("sethostname");
	open_tap();
	build_root(o);
	signal(SIGXFSZ, SIG_IGN); /* a write past the limit fails instead of killing */
	drop_privileges(o);
	char byte;
	if (read(go, &byte, 1) != 1) _exit(125); /* the keeper is gone */
	close(go);
	char *env[] = {"PATH=/usr/bin", "LANG=C", NULL, NULL};
	if (o->preload && asprintf(&env[2], "LD_PRELOAD=/%s", o->preload) < 0) die("asprintf");
	execve(o->command[0], o->command, env);
	die("exec %s", o->command[0]);
}

/* What the VMM says, up to a limit: a hostile one must not fill the host's disk. */
static void copy_log(int from, int to)
{
	size_t left = LOG_BYTES_MAX;
	char buffer[4096];
	for (;;) {
		ssize_t got = read(from, buffer, sizeof buffer);
		if (got < 0 && errno == EINTR) continue;
		if (got <= 0) return;
		size_t use = (size_t)got < left ? (size_t)got : left;
		if (use > 0 && write(to, buffer, use) == (ssize_t)use) left -= use;
	}
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
	struct options o = {0};
	parse(argc, argv, &o);
	umask(022);
	if (fcntl(STATE_FD, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != STATE_FD) die("open /dev/null");
	for (int i = 0; i < o.cgroup_count; i++) join_cgroup(o.cgroups[i]);
	int log = open(join(o.dir, "log"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (log < 0) die("open the log");
	if (dup2(log, STDERR_FILENO) < 0) die("dup2");
	if (syscall(SYS_close_range, TAP_FD, log - 1, 0) < 0 && log > TAP_FD) die("close_range");
	if (o.hostpaths) {
		const char *share = join(o.dir, "hostpaths");
		mount_or_die("hostpaths", share, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k");
		mount_or_die(NULL, share, NULL, MS_SHARED, NULL);
	}
	int output[2], go[2];
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) die("pipe");
	/* Clear of the numbers that the VMM gets. */
	int go_read = fcntl(go[0], F_DUPFD_CLOEXEC, 16), go_write = fcntl(go[1], F_DUPFD_CLOEXEC, 16);
	int output_read = fcntl(output[0], F_DUPFD_CLOEXEC, 16), output_write = fcntl(output[1], F_DUPFD_CLOEXEC, 16);
	if (go_read < 0 || go_write < 0 || output_read < 0 || output_write < 0) die("dup");
	close(go[0]), close(go[1]), close(output[0]), close(output[1]);

	if (unshare(CLONE_NEWPID) < 0) die("unshare the pid namespace");
	pid_t pid = fork();
	if (pid < 0) die("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0 || dup2(output_write, 1) < 0 || dup2(output_write, 2) < 0) die("stdio");
		close(null), close(output_write), close(output_read), close(go_write), close(log);
		run_vmm(&o, go_read);
	}
	close(output_write), close(go_read), close(STATE_FD);
	dprintf(STDOUT_FILENO, "%d\n", pid);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) die("stdio");
	signal(SIGPIPE, SIG_IGN);
	if (write(go_write, "g", 1) != 1) die("start the VMM");
	close(go_write);
	copy_log(output_read, log);

	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) die("wait");
	char text[64];
	if (WIFSIGNALED(status)) snprintf(text, sizeof text, "signal %d\n", WTERMSIG(status));
	else snprintf(text, sizeof text, "exit %d\n", WEXITSTATUS(status));
	const char *temporary = join(o.dir, "exit.new");
	write_file(temporary, O_CREAT | O_TRUNC, text);
	if (rename(temporary, join(o.dir, "exit")) < 0) die("rename");
	return 0;
}
