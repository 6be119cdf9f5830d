#include "disks.h"

#include "assemble.h"
#include "mounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define DISKS_MAX 32
#define UNMOUNT_TRIES 1000

static char mounted[DISKS_MAX][128];
static size_t mounted_count;

/* "/dev/vda" for the serial "d0". A path stands for itself (tests without virtio). */
static bool find_device(const char *serial, char *into, size_t cap) {
  if (serial[0] == '/') return snprintf(into, cap, "%s", serial) < (int)cap;
  DIR *dir = opendir("/sys/block");
  bool found = false;
  for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
    char path[300], text[64];
    if (entry->d_name[0] != 'v') continue;
    snprintf(path, sizeof path, "/sys/block/%s/serial", entry->d_name);
    ssize_t len = read_file_at(AT_FDCWD, path, text, sizeof text);
    if (len < 0) continue;
    text[strcspn(text, "\n")] = 0;
    found = strcmp(text, serial) == 0;
    if (found) snprintf(into, cap, "/dev/%s", entry->d_name);
  }
  if (dir) closedir(dir);
  return found;
}

bool disks_flush(const json_t *disks, struct fault *fault) {
  size_t i;
  json_t *disk;
  json_array_foreach((json_t *)disks, i, disk) {
    const char *serial = json_string_value(json_object_get(disk, "device"));
    char path[300];
    if (!serial) continue;
    if (!find_device(serial, path, sizeof path)) return fail(fault, "not-found", "no disk %s", serial);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (ioctl(fd, BLKFLSBUF, 0) != 0 && errno != ENOTTY)) return fail_errno(fault, errno, "flushing %s", path);
  }
  return true;
}

static bool mount_disk(const json_t *disk, struct fault *fault) {
  const char *serial = NULL, *tag = NULL, *at = NULL, *type = NULL;
  int read_only = 0;
  char device[300], target[128];
  if (json_unpack((json_t *)disk, "{s?s, s?s, s:s, s:s, s?b}", "device", &serial, "tag", &tag, "at", &at, "type", &type,
                  "readOnly", &read_only) != 0 || !valid_place(at) || (!serial && !tag) ||
      snprintf(target, sizeof target, RUN_DIR "/%s", at) >= (int)sizeof target)
    return fail(fault, "invalid", "a disk needs at, type, and device or tag");
  if (mounted_count == DISKS_MAX) return fail(fault, "exhausted", "more than %d disks", DISKS_MAX);
  if (make_dirs(target) != 0) return fail_errno(fault, errno, "making %s", target);
  const char *source = tag, *options = NULL;
  unsigned long flags = read_only ? MS_RDONLY : 0;
  if (strcmp(type, "9p") == 0) {
    options = "trans=virtio,version=9p2000.L,msize=262144,cache=mmap";
  } else if (strcmp(type, "bind") == 0) {
    source = serial; /* a directory of the agent's own: tests without disks */
    flags |= MS_BIND;
  } else {
    if (!serial || !find_device(serial, device, sizeof device)) return fail(fault, "not-found", "no disk %s", serial ? serial : "");
    source = device;
    if (strcmp(type, "ext4") == 0) flags |= MS_NOATIME;
  }
  if (mount(source, target, type, flags, options) != 0) return fail_errno(fault, errno, "mounting %s (%s)", at, type);
  strcpy(mounted[mounted_count++], target);
  return true;
}

bool disks_mount(const json_t *disks, struct fault *fault) {
  size_t i;
  json_t *disk;
  json_array_foreach((json_t *)disks, i, disk) if (!mount_disk(disk, fault)) return false;
  return true;
}

/* A file system that a dead container used is let go by the kernel a moment after the container's end. */
static int unmount_soon(const char *path) {
  for (int i = 0; i < UNMOUNT_TRIES; i++) {
    if (umount2(path, 0) == 0) return 0;
    if (errno != EBUSY) return -1;
    usleep(1000);
  }
  return -1;
}

bool disks_unmount(struct fault *fault) {
  bool ok = true;
  while (mounted_count) {
    const char *path = mounted[--mounted_count];
    if (unmount_soon(path) == 0) continue;
    if (fault) fail_errno(fault, errno, "unmounting %s", path);
    ok = false;
    umount2(path, MNT_DETACH);
  }
  sync();
  return ok;
}
