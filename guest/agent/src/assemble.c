#include "assemble.h"

#include "copy.h"
#include "files.h"
#include "mounts.h"
#include "pod.h"
#include "shares.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PLACES_DIR RUN_DIR "/places"

static void place_file(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) die("%s: %s", path, errno_text(errno));
  close(fd);
}

void assemble_init(void) {
  static const char *const dirs[] = {"/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/etc"};
  static const char *const files[] = {"/dev/console", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv"};
  char path[128];
  for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
    snprintf(path, sizeof path, PLACES_DIR "%s", dirs[i]);
    if (make_dirs(path) != 0) die("%s: %s", path, errno_text(errno));
  }
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(path, sizeof path, PLACES_DIR "%s", files[i]);
    place_file(path);
  }
  if (symlink("/proc/mounts", PLACES_DIR "/etc/mtab") != 0 && errno != EEXIST) die("mtab: %s", errno_text(errno));
}

bool valid_place(const char *path) {
  if (!path[0] || path[0] == '/') return false;
  for (const char *at = path; *at; at++)
    if (!isalnum((unsigned char)*at) && !strchr("_.-/", *at)) return false;
  return !strstr(path, "..");
}

static bool mount_overlay(struct container *container, struct fault *fault) {
  const char *image = json_string_value(json_object_get(container->config, "image"));
  const char *writable = json_string_value(json_object_get(container->config, "writable"));
  if (!writable || !writable[0]) writable = "scratch";
  if (!image || !valid_place(image) || !valid_place(writable)) return fail(fault, "invalid", "image or writable: not a place");
  container->lower_path = must_printf(RUN_DIR "/%s", image);
  container->upper_path = must_printf(RUN_DIR "/%s/containers/%s/upper", writable, container->name);
  AUTO_FREE char *work = must_printf(RUN_DIR "/%s/containers/%s/work", writable, container->name);
  AUTO_FREE char *options = must_printf("lowerdir=" PLACES_DIR ":%s,upperdir=%s,workdir=%s,index=off,redirect_dir=off,metacopy=off",
                                        container->lower_path, container->upper_path, work);
  struct stat image_root;
  if (stat(container->lower_path, &image_root) != 0) return fail_errno(fault, errno, "the image %s", image);
  if (make_dirs(container->upper_path) != 0 || make_dirs(work) != 0 || make_dirs(container->root_path) != 0)
    return fail_errno(fault, errno, "making the writable layer");
  if (chmod(container->upper_path, image_root.st_mode & 07777) != 0) return fail_errno(fault, errno, "the writable layer");
  if (mount("overlay", container->root_path, "overlay", 0, options) != 0) return fail_errno(fault, errno, "mounting the root");
  container->root = open(container->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return container->root >= 0 || fail_errno(fault, errno, "opening the root");
}

static int mount_in(int root, const char *path, const char *type, unsigned long flags, const char *options) {
  AUTO_CLOSE int target = make_dir_in_root(root, path);
  return target < 0 ? -1 : mount_on(target, type, type, flags, options);
}

static void all_devices(int dev) {
  DIR *dir = opendir("/dev");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    struct stat stat;
    /* The agent's own way to the host is not a device of the pod's. */
    if (strncmp(entry->d_name, "vport", 5) == 0 || strcmp(entry->d_name, "console") == 0) continue;
    if (fstatat(dirfd(dir), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode)) mknodat(dev, entry->d_name, stat.st_mode, stat.st_rdev);
  }
  if (dir) closedir(dir);
}

/* Character devices of the machine's kernel, each where it is wanted below /dev. */
static bool more_devices(struct container *container, struct fault *fault) {
  size_t i;
  json_t *device;
  json_array_foreach(json_object_get(container->config, "devices"), i, device) {
    const char *source = json_string_value(json_object_get(device, "source"));
    const char *target = json_string_value(json_object_get(device, "target"));
    struct stat stat;
    if (!source || !target || strncmp(source, "/dev/", 5) != 0 || strncmp(target, "/dev/", 5) != 0 || strstr(source, "..") ||
        strstr(target, ".."))
      return fail(fault, "invalid", "a device needs a source and a target below /dev");
    if (lstat(source, &stat) != 0) return fail_errno(fault, errno, "the device %s", source);
    if (!S_ISCHR(stat.st_mode)) return fail(fault, "invalid", "%s is no character device", source);
    AUTO_FREE char *folder = must_strdup(target);
    char *name = strrchr(folder, '/');
    *name++ = 0;
    AUTO_CLOSE int at = make_dir_in_root(container->root, folder);
    if (at < 0 || (unlinkat(at, name, 0) != 0 && errno != ENOENT) || mknodat(at, name, S_IFCHR | 0666, stat.st_rdev) != 0)
      return fail_errno(fault, errno, "making %s", target);
  }
  return true;
}

static bool mount_devices(struct container *container, struct fault *fault) {
  static const struct { const char *name; unsigned minor, major; } nodes[] = {
      {"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5},
  };
  static const char *const links[][2] = {
      {"/proc/self/fd", "fd"},         {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
      {"/proc/self/fd/2", "stderr"},   {"pts/ptmx", "ptmx"},         {"/proc/kcore", "core"},
  };
  json_t *shm = json_object_get(container->config, "shmBytes");
  int root = container->root;
  char options[64];
  if (mount_in(root, "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k") != 0)
    return fail_errno(fault, errno, "mounting /dev");
  AUTO_CLOSE int dev = open_in_root(root, "/dev", O_PATH | O_DIRECTORY);
  if (dev < 0) return fail_errno(fault, errno, "opening /dev");
  for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
    if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) != 0)
      return fail_errno(fault, errno, "making /dev/%s", nodes[i].name);
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
    if (symlinkat(links[i][0], dev, links[i][1]) != 0) return fail_errno(fault, errno, "making /dev/%s", links[i][1]);
  if (container->privileged) all_devices(dev);
  if (!more_devices(container, fault)) return false;
  if (mkdirat(dev, "mqueue", 0755) != 0) return fail_errno(fault, errno, "making /dev/mqueue");
  if (mount_in(dev, "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5") != 0)
    return fail_errno(fault, errno, "mounting /dev/pts");
  container->pts = open_in_root(dev, "pts", O_RDONLY | O_DIRECTORY);
  snprintf(options, sizeof options, "mode=1777,size=%lld",
           json_is_integer(shm) && json_integer_value(shm) > 0 ? (long long)json_integer_value(shm) : 67108864ll);
  /* Under this name it stands in the container's list of mounts, where programs look for its size. */
  AUTO_CLOSE int memory = make_dir_in_root(dev, "shm");
  if (memory < 0 || mount_on(memory, "tmpfs", "shm", MS_NOSUID | MS_NOEXEC | MS_NODEV, options) != 0)
    return fail_errno(fault, errno, "mounting /dev/shm");
  if (mount_in(root, "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | (container->privileged ? 0 : MS_RDONLY), NULL) != 0)
    return fail_errno(fault, errno, "mounting /sys");
  return true;
}

static bool bind_file(struct container *container, const char *name, const char *text, struct fault *fault) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", container->dir, name);
  AUTO_CLOSE int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
  if (fd < 0 || !write_all(fd, text, strlen(text))) return fail_errno(fault, errno, "writing %s", path);
  snprintf(path, sizeof path, "/etc/%s", name);
  AUTO_CLOSE int target = make_file_in_root(container->root, path);
  if (target < 0 || bind_on(fd, target, container->read_only_root) != 0) return fail_errno(fault, errno, "mounting %s", path);
  return true;
}

static bool mount_tmpfs(struct container *container, const char *target, const json_t *mount, struct fault *fault) {
  const char *options = json_string_value(json_object_get(mount, "options"));
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  char own[1024], with_mode[1100];
  if (!mount_options(options ? options : "", &flags, own, sizeof own)) return fail(fault, "invalid", "tmpfs options are too long");
  if (json_is_true(json_object_get(mount, "readOnly"))) flags |= MS_RDONLY;
  struct stat stat;
  AUTO_CLOSE int before = open_in_root(container->root, target, O_PATH);
  bool has_mode = strncmp(own, "mode=", 5) == 0 || strstr(own, ",mode=");
  if (!has_mode && before >= 0 && fstat(before, &stat) == 0)
    snprintf(with_mode, sizeof with_mode, "%s%smode=%o", own, own[0] ? "," : "", stat.st_mode & 07777);
  else
    snprintf(with_mode, sizeof with_mode, "%s", own);
  AUTO_CLOSE int at = make_dir_in_root(container->root, target);
  if (at < 0 || mount_on(at, "tmpfs", "tmpfs", flags, with_mode) != 0)
    return fail_errno(fault, errno, "mounting a tmpfs (%s) on %s", with_mode, target);
  return true;
}

static bool mount_place(struct container *container, const char *target, const json_t *mount, struct fault *fault) {
  const char *source = json_string_value(json_object_get(mount, "source"));
  const char *subpath = json_string_value(json_object_get(mount, "subpath"));
  bool read_only = json_is_true(json_object_get(mount, "readOnly"));
  if (!source || !valid_place(source)) return fail(fault, "invalid", "the mount on %s: source is not a place", target);
  AUTO_FREE char *path = must_printf(RUN_DIR "/%s", source);
  AUTO_CLOSE int top = open(path, O_PATH | O_CLOEXEC);
  if (top < 0) return fail_errno(fault, errno, "the mount on %s: %s", target, source);
  AUTO_CLOSE int from = subpath && subpath[0] ? open_in_root(top, subpath, O_PATH) : fcntl(top, F_DUPFD_CLOEXEC, 0);
  struct stat stat;
  if (from < 0 || fstat(from, &stat) != 0) return fail_errno(fault, errno, "the mount on %s: cannot access path %s", target, subpath);
  AUTO_CLOSE int at = S_ISDIR(stat.st_mode) ? make_dir_in_root(container->root, target) : make_file_in_root(container->root, target);
  if (at < 0) return fail_errno(fault, errno, "the mount on %s", target);
  if (json_is_true(json_object_get(mount, "copyUp")) && S_ISDIR(stat.st_mode) && !copy_up(at, from, fault)) return false;
  if (bind_on(from, at, read_only) != 0) return fail_errno(fault, errno, "the mount on %s", target);
  return true;
}

static size_t depth_of(const char *path) {
  size_t depth = 0;
  for (const char *at = path; *at; at++) depth += at[0] == '/' && at[1] && at[1] != '/';
  return depth;
}

static bool mount_one(struct container *container, const json_t *mount, struct fault *fault) {
  const char *type = json_string_value(json_object_get(mount, "type"));
  const char *target = json_string_value(json_object_get(mount, "target"));
  if (!type || !target || target[0] != '/' || depth_of(target) == 0) return fail(fault, "invalid", "a mount needs a type and an absolute target");
  if (strcmp(target, "/proc") == 0 || strncmp(target, "/proc/", 6) == 0)
    return fail(fault, "unsupported", "nothing can be mounted on %s", target);
  if (strcmp(type, "tmpfs") == 0) return mount_tmpfs(container, target, mount, fault);
  if (strcmp(type, "volume") == 0 || strcmp(type, "host") == 0) return mount_place(container, target, mount, fault);
  return fail(fault, "unsupported", "mounts of type %s", type);
}

/* Outer mounts first, whatever their order in the request. */
bool assemble_mounts(struct container *container, struct fault *fault) {
  json_t *mounts = json_object_get(container->config, "mounts"), *mount;
  size_t i, left = json_array_size(mounts);
  for (size_t depth = 0; left; depth++)
    json_array_foreach(mounts, i, mount) {
      const char *target = json_string_value(json_object_get(mount, "target"));
      if (depth_of(target ? target : "") != depth) continue;
      if (!mount_one(container, mount, fault)) return false;
      left--;
    }
  return true;
}

static bool mount_console(struct container *container, struct fault *fault) {
  if (!json_is_true(json_object_get(container->config, "tty"))) return true;
  AUTO_CLOSE int at = make_file_in_root(container->root, "/dev/console");
  if (at < 0 || bind_on(container->stdio.child_out, at, false) != 0) return fail_errno(fault, errno, "mounting /dev/console");
  return true;
}

static int number(const json_t *object, const char *key, int otherwise) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? (int)json_integer_value(value) : otherwise;
}

bool assemble(struct container *container, struct fault *fault) {
  const char *hostname = container->plan.hostname;
  AUTO_FREE char *hostname_line = must_printf("%s\n", hostname);
  bool ok = mount_overlay(container, fault) && mount_devices(container, fault) &&
            bind_file(container, "hostname", hostname_line, fault) && bind_file(container, "hosts", pod_hosts(), fault) &&
            bind_file(container, "resolv.conf", pod_resolv(), fault) &&
            stdio_open(&container->stdio, json_is_true(json_object_get(container->config, "tty")),
                       json_is_true(json_object_get(container->config, "stdin")), container->pts,
                       number(container->config, "rows", 24), number(container->config, "cols", 80), fault) &&
            (!shares_any() || stdio_apart(&container->stdio, fault)) &&
            mount_console(container, fault);
  if (!ok) assemble_undo(container);
  return ok;
}

void assemble_undo(struct container *container) {
  char path[PATH_MAX];
  static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
  close_fd(&container->root);
  close_fd(&container->pts);
  umount2(container->root_path, MNT_DETACH);
  rmdir(container->root_path);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", container->dir, names[i]);
    unlink(path);
  }
  files_free(container);
  rmdir(container->dir);
}
