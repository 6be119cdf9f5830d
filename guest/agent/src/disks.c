#include "disks.h"

#include "assemble.h"
#include "mounts.h"
#include "shares.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISKS_MAX 32
#define UNMOUNT_TRIES 1000

static struct {
  char at[128], device[64], type[16];
  bool read_only;
  bool early; /* mounted before there is a pod, and not yet one's */
} mounted[DISKS_MAX];
static size_t mounted_count;

/* To read a serial asks the device; none ever changes. */
static struct { char serial[64], device[32]; } known[DISKS_MAX];
static size_t known_count;

/*
 * What programs run from is mostly in the host's page cache: each trip there costs more than what it brings. 128 KiB, the
 * kernel's own choice, is 18 trips for the start of a busybox.
 */
#define READ_AHEAD_KIB "512"

static void learn_devices(void) {
  DIR *dir = opendir("/sys/block");
  for (struct dirent *entry; dir && known_count < DISKS_MAX && (entry = readdir(dir));) {
    char path[300];
    size_t cap = sizeof known[0].serial;
    if (entry->d_name[0] != 'v' || strlen(entry->d_name) > 16) continue;
    snprintf(path, sizeof path, "/sys/block/%s/serial", entry->d_name);
    if (read_file_at(AT_FDCWD, path, known[known_count].serial, cap) < 0) continue;
    known[known_count].serial[strcspn(known[known_count].serial, "\n")] = 0;
    snprintf(known[known_count].device, sizeof known[0].device, "/dev/%.16s", entry->d_name);
    snprintf(path, sizeof path, "/sys/block/%s/queue/read_ahead_kb", entry->d_name);
    write_file(path, READ_AHEAD_KIB);
    known_count++;
  }
  if (dir) closedir(dir);
}

bool disks_device(const char *serial, char *into, size_t cap) {
  if (serial[0] == '/') return snprintf(into, cap, "%s", serial) < (int)cap;
  if (known_count == 0) learn_devices();
  for (size_t i = 0; i < known_count; i++)
    if (strcmp(known[i].serial, serial) == 0) return snprintf(into, cap, "%s", known[i].device) < (int)cap;
  return false;
}

/* Whether a disk as it is asked for is mounted early; then its index is in `index`. */
static bool is_early(const json_t *disk, size_t *index) {
  const char *device = json_string_value(json_object_get(disk, "device"));
  const char *at = json_string_value(json_object_get(disk, "at"));
  const char *type = json_string_value(json_object_get(disk, "type"));
  bool read_only = json_is_true(json_object_get(disk, "readOnly"));
  char target[sizeof mounted[0].at];
  if (!device || !at || !type || snprintf(target, sizeof target, RUN_DIR "/%s", at) >= (int)sizeof target) return false;
  for (*index = 0; *index < mounted_count; ++*index)
    if (mounted[*index].early && strcmp(mounted[*index].device, device) == 0 && strcmp(mounted[*index].at, target) == 0 &&
        strcmp(mounted[*index].type, type) == 0 && mounted[*index].read_only == read_only)
      return true;
  return false;
}

bool disks_flush(const json_t *disks, struct fault *fault) {
  size_t i;
  json_t *disk;
  json_array_foreach((json_t *)disks, i, disk) {
    const char *serial = json_string_value(json_object_get(disk, "device"));
    char path[300];
    size_t early;
    const char *type = json_string_value(json_object_get(disk, "type"));
    if (!serial || (type && strcmp(type, "share") == 0) || is_early(disk, &early)) continue;
    if (!disks_device(serial, path, sizeof path)) return fail(fault, "not-found", "no disk %s", serial);
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
  size_t early;
  if (is_early(disk, &early)) {
    mounted[early].early = false;
    return true;
  }
  if (mounted_count == DISKS_MAX) return fail(fault, "exhausted", "more than %d disks", DISKS_MAX);
  if (make_dirs(target) != 0) return fail_errno(fault, errno, "making %s", target);
  if (strcmp(type, "share") == 0) return serial ? shares_mount(at, target, serial, read_only, fault) : fail(fault, "invalid", "a share needs a device");
  const char *source = tag, *options = NULL;
  unsigned long flags = read_only ? MS_RDONLY : 0;
  if (strcmp(type, "9p") == 0) {
    options = "trans=virtio,version=9p2000.L,msize=262144,cache=mmap";
  } else if (strcmp(type, "bind") == 0) {
    source = serial; /* a directory of the agent's own: tests without disks */
    flags |= MS_BIND;
  } else {
    if (!serial || !disks_device(serial, device, sizeof device)) return fail(fault, "not-found", "no disk %s", serial ? serial : "");
    source = device;
    if (strcmp(type, "ext4") == 0) flags |= MS_NOATIME;
  }
  if (mount(source, target, type, flags, options) != 0) return fail_errno(fault, errno, "mounting %s (%s)", at, type);
  strcpy(mounted[mounted_count].at, target);
  snprintf(mounted[mounted_count].device, sizeof mounted[0].device, "%s", serial ? serial : "");
  snprintf(mounted[mounted_count].type, sizeof mounted[0].type, "%s", type);
  mounted[mounted_count].read_only = read_only != 0;
  mounted[mounted_count++].early = false;
  return true;
}

bool disks_mount(const json_t *disks, struct fault *fault) {
  size_t i;
  json_t *disk;
  json_array_foreach((json_t *)disks, i, disk) if (!mount_disk(disk, fault)) return false;
  return true;
}

const char *disks_served(const char *at) {
  for (size_t i = 0; i < mounted_count; i++)
    if (strcmp(mounted[i].at + sizeof RUN_DIR, at) == 0 && strcmp(mounted[i].type, "ext4") == 0 && !mounted[i].read_only)
      return mounted[i].at;
  return NULL;
}

bool disks_mount_early(const json_t *disks, struct fault *fault) {
  size_t i;
  json_t *disk;
  json_array_foreach((json_t *)disks, i, disk) {
    const char *type = json_string_value(json_object_get(disk, "type"));
    if (type && strcmp(type, "share") == 0) return fail(fault, "invalid", "a share needs a pod");
  }
  if (!disks_unmount(fault) || !disks_flush(disks, fault)) return false;
  json_array_foreach((json_t *)disks, i, disk) {
    if (!mount_disk(disk, fault)) {
      disks_unmount(NULL);
      return false;
    }
    /* What every container's writable layer needs; to make it reads what the next directory needs, too. */
    char path[sizeof mounted[0].at + 16];
    snprintf(path, sizeof path, "%s/containers", mounted[mounted_count - 1].at);
    if (!mounted[mounted_count - 1].read_only && mkdir(path, 0755) != 0 && errno != EEXIST) {
      fail_errno(fault, errno, "making %s", path);
      disks_unmount(NULL);
      return false;
    }
    mounted[mounted_count - 1].early = true;
  }
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
    const char *path = mounted[--mounted_count].at;
    if (unmount_soon(path) == 0) continue;
    if (fault) fail_errno(fault, errno, "unmounting %s", path);
    ok = false;
    umount2(path, MNT_DETACH);
  }
  sync();
  return ok;
}
