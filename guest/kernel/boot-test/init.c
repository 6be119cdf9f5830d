/* PID 1 of the boot test: says what it sees on the console, then ends the VM. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int count(const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	int n = 0;
	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

static int readable_disks(void)
{
	DIR *dir = opendir("/sys/block");
	int n = 0;
	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[300], sector[512];
		if (strncmp(entry->d_name, "vd", 2) != 0)
			continue;
		snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, sector, sizeof sector) == (ssize_t)sizeof sector)
			n++;
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	return n;
}

/* The port shows up once the two sides have talked it over, a little after the device itself. */
static int ports(void)
{
	int n = 0;
	for (int tries = 0; tries < 100 && (n = count("/sys/class/virtio-ports", "vport")) <= 0; tries++)
		nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
	return n;
}

static int random_readable(void)
{
	char byte;
	int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t got = read(fd, &byte, 1);
	close(fd);
	return got == 1;
}

int main(void)
{
	struct timespec up;
	struct utsname name;
	clock_gettime(CLOCK_BOOTTIME, &up);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	uname(&name);
	printf("KRAUD-BOOT {\"kernel\":\"%s\",\"uptimeMs\":%ld,\"cpus\":%ld,\"virtio\":%d,\"disks\":%d,\"ports\":%d,\"nets\":%d,"
	       "\"ninep\":%d,\"rng\":%d}\n",
	       name.release, up.tv_sec * 1000 + up.tv_nsec / 1000000, sysconf(_SC_NPROCESSORS_ONLN),
	       count("/sys/bus/virtio/devices", "virtio"), readable_disks(), ports(), count("/sys/class/net", "eth"),
	       count("/sys/bus/virtio/drivers/9pnet_virtio", "virtio"), random_readable());
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	return 1;
}
