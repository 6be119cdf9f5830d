#define _GNU_SOURCE
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const int kept_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID};

void open_namespaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) die("unshare");
	if (sethostname("jail", 4) < 0) die("sethostname");
}

static void mount_or_die(const char *source, const char *target, const char *type, unsigned long flags,
			 const char *data)
{
	if (mount(source, target, type, flags, data) < 0) die("mount %s on %s", source ? source : "", target);
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
int open_tap(void)
{
	int fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0) die("open /dev/net/tun");
	struct ifreq request = {.ifr_flags = TAP_FLAGS};
	strcpy(request.ifr_name, "tap0");
	if (ioctl(fd, TUNSETIFF, &request) < 0) die("make the tap");
	return fd;
}

/* A root on tmpfs with the host's /usr, this VM's own directories, and four devices. */
void build_root(const struct options *o)
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
	if (o->hostpaths) mount_or_die(join(o->dir, "hostpaths"), join(root, "hostpaths"), NULL, MS_BIND | MS_REC, NULL);
	if (o->hostpaths || o->mould) {
		/* The 9p server changes modes through /proc/self/fd. It must see nothing of /proc but its own process. A mould looks
		   for its threads. */
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

void drop_privileges(const struct options *o)
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
