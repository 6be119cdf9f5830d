/*
 * What most files of the kernel read, compiled once for all of them (tools/setup/kernel-cc). The headers keep themselves from being
 * read twice, so a file that asks for one of these gets nothing more; one that doesn't gets names that it has no use for. So only what is
 * read all over the kernel stands here: the headers of one protocol or file system have short names that mean something else elsewhere.
 */
#include <linux/kconfig.h>
#include <linux/compiler_types.h>

/* Some inline functions here print it. Each file has its own afterwards. */
#define KBUILD_MODNAME "kernel"

#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/inetdevice.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/netdevice.h>
#include <linux/pagemap.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/writeback.h>
#include <net/sock.h>

#undef KBUILD_MODNAME
