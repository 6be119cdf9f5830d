/*
 * What another VM may send to a share's server, carried out for real: on a small ext4 of the fuzzer's own, mounted where
 * nobody else sees it. Needs root and a loop device; without them there is nothing to do it on.
 */
#include "share_server.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KNOWN_MAX 16

static struct server server;
static uint64_t known[KNOWN_MAX] = {FUSE_ROOT_ID};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  /* Its descriptor holds the file system, whose mount goes with the process. */
  int top = -1;
  if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
      system("mkdir -p build/fuzzed && truncate -s 8M build/fuzzed.img && mkfs.ext4 -q -F -O ^has_journal build/fuzzed.img && "
             "mount -o loop build/fuzzed.img build/fuzzed") == 0)
    top = open("build/fuzzed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!server_open(&server, top)) {
    fprintf(stderr, "no file system to fuzz a share on: skipped\n");
    exit(0);
  }
  return 0;
}

static void learn(uint32_t opcode, int result) {
  static unsigned next;
  uint64_t id;
  bool entry = opcode == FUSE_LOOKUP || opcode == FUSE_CREATE || opcode == FUSE_MKDIR || opcode == FUSE_MKNOD || opcode == FUSE_SYMLINK;
  if (!entry || result < (int)sizeof(struct fuse_entry_out)) return;
  memcpy(&id, server.reply, sizeof id);
  known[1 + next++ % (KNOWN_MAX - 1)] = id;
}

/* Requests, each: 1 byte operation, 1 byte node, 2 bytes length, what follows the header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  while (size >= 4) {
    size_t len = (size_t)data[2] | (size_t)data[3] << 8;
    if (len > size - 4) len = size - 4;
    /* Just as long as it is, so that reading beyond it is seen. */
    struct fuse_in_header *head = must_calloc(1, sizeof *head + len);
    *head = (struct fuse_in_header){.len = (uint32_t)(sizeof *head + len), .opcode = data[0], .unique = 2, .nodeid = known[data[1] % KNOWN_MAX],
                                    .uid = data[1] & 16 ? 7 : 0, .gid = data[1] & 32 ? 8 : 0};
    if (data[1] & 64 && len >= 8) memcpy(&head->nodeid, data + 4, 8);
    memcpy(head + 1, data + 4, len);
    int result = server_run(&server, head, sizeof *head + len);
    if (result != SERVER_SILENT && (result > (int)SHARE_DATA_BYTES_MAX || result < -4095)) abort();
    learn(head->opcode, result);
    free(head);
    data += 4 + len;
    size -= 4 + len;
  }
  server_drop_locks(&server);
  nodes_free(&server);
  return 0;
}
