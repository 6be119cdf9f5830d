#define _GNU_SOURCE
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int take_tap(const char *netns, const char *name)
{
	struct ifreq request = {.ifr_flags = TAP_FLAGS};
	errno = ENAMETOOLONG;
	if (strlen(name) >= sizeof request.ifr_name) die("tap %s", name);
	strcpy(request.ifr_name, name);
	int namespace = open(netns, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) die("enter %s", netns);
	close(namespace);
	/* Else one that isn't there would be made. */
	int lookup = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq found = request;
	if (lookup < 0 || ioctl(lookup, SIOCGIFINDEX, &found) < 0) die("find tap %s in %s", name, netns);
	close(lookup);
	int fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0) die("open /dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &request) < 0) die("take over tap %s in %s", name, netns);
	return fd;
}

void keep_tap(pid_t vmm, int stays)
{
	int process = (int)syscall(SYS_pidfd_open, vmm, 0);
	if (process < 0) die("find process %d", vmm);
	int fd = (int)syscall(SYS_pidfd_getfd, process, TAP_FD, 0);
	if (fd < 0) die("get the tap of process %d", vmm);
	struct ifreq facts;
	if (ioctl(fd, TUNGETIFF, &facts) < 0) die("descriptor %d of process %d is no tap", TAP_FD, vmm);
	if (ioctl(fd, TUNSETPERSIST, stays) < 0) die("keep the tap of process %d", vmm);
}
