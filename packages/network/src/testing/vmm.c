/*
 * Plays a VMM: vmm NETNS TAP GUEST_NETNS
 *
 * Takes a tap, or makes it, and carries its frames to and from the guest's eth0, which is a tap too. Both stay when it ends.
 * Each line tells of a packet that has reached the guest: "syn PORT" for the first of a TCP connection, "udp PORT".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { header = 10, ethernet = 14, frame_bytes_max = 65536 + header };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int take_tap(const char *netns, const char *name)
{
	int space = open(netns, O_RDONLY | O_CLOEXEC);
	if (space < 0 || setns(space, CLONE_NEWNET) < 0) die(netns);
	close(space);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0) die("/dev/net/tun");
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	if (strlen(name) >= sizeof request.ifr_name) die("name");
	strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0) die(name);
	return fd;
}

static void tell(const unsigned char *frame, ssize_t bytes)
{
	const unsigned char *ip = frame + header + ethernet;
	if (bytes < header + ethernet + 20 || frame[header + 12] != 8 || frame[header + 13] != 0) return;
	const unsigned char *inner = ip + (ip[0] & 15) * 4;
	ssize_t left = frame + bytes - inner;
	if (ip[9] == 17 && left >= 8) printf("udp %d\n", inner[2] << 8 | inner[3]);
	if (ip[9] == 6 && left >= 20 && (inner[13] & 0x12) == 0x02) printf("syn %d\n", inner[2] << 8 | inner[3]);
}

int main(int count, char **words)
{
	static unsigned char frame[frame_bytes_max];
	if (count != 4) return 2;
	int guest = take_tap(words[3], "eth0");
	int tap = take_tap(words[1], words[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	struct pollfd both[] = {{.fd = tap, .events = POLLIN}, {.fd = guest, .events = POLLIN}};
	while (poll(both, 2, -1) > 0) {
		for (int from = 0; from < 2; from++) {
			if (!both[from].revents) continue;
			ssize_t bytes = read(both[from].fd, frame, sizeof frame);
			if (bytes < 0) die("read");
			if (from == 0) tell(frame, bytes);
			// A device that is switched off takes none.
			if (write(both[!from].fd, frame, (size_t)bytes) < 0 && errno != EIO) die("write");
		}
	}
	return 1;
}
