#define _GNU_SOURCE
#include "sandbox.h"

#include "jail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/*
 * The same kinds that QEMU's own sandbox denies when it may neither start programs nor change who it is, and what no VMM needs of a
 * kernel. A mould can't have QEMU's: it forks.
 */
static const unsigned denied[] = {
	SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups,
	SYS_capset, SYS_setpgid, SYS_setsid, SYS_personality,
	SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root, SYS_mount, SYS_umount2, SYS_open_tree, SYS_move_mount, SYS_fsopen,
	SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_sethostname, SYS_setdomainname,
	SYS_open_by_handle_at, SYS_name_to_handle_at,
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_bpf, SYS_perf_event_open,
	SYS_userfaultfd, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_iopl, SYS_ioperm, SYS_reboot, SYS_swapon, SYS_swapoff,
	SYS_acct, SYS_quotactl, SYS_syslog, SYS_vhangup, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
	SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_lookup_dcookie, SYS_fanotify_init,
};
static const unsigned refused[] = {
	SYS_setpriority, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setaffinity,
};

enum { DENIED = sizeof denied / sizeof *denied, REFUSED = sizeof refused / sizeof *refused };
enum { X32_BIT = 0x40000000 };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define UNLESS(test, value) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, 0, 1)

void sandbox(void)
{
	struct sock_filter program[16 + 2 * (DENIED + REFUSED)];
	unsigned short len = 0;
	const struct sock_filter kill = RETURN(SECCOMP_RET_KILL_PROCESS);
#define ADD(...) program[len++] = (struct sock_filter)__VA_ARGS__
	ADD(LOAD(arch));
	ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	program[len++] = kill;
	ADD(LOAD(nr));
	ADD(UNLESS(BPF_JGE, X32_BIT));
	program[len++] = kill;
	for (int i = 0; i < DENIED; i++) {
		ADD(UNLESS(BPF_JEQ, denied[i]));
		program[len++] = kill;
	}
	for (int i = 0; i < REFUSED; i++) {
		ADD(UNLESS(BPF_JEQ, refused[i]));
		ADD(RETURN(SECCOMP_RET_ERRNO | EPERM));
	}
	/* Threads are made with the older call, whose flags can be looked at. */
	ADD(UNLESS(BPF_JEQ, SYS_clone3));
	ADD(RETURN(SECCOMP_RET_ERRNO | ENOSYS));
	ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
	ADD(LOAD(args[0]));
	ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
	program[len++] = kill;
	ADD(RETURN(SECCOMP_RET_ALLOW));
	const struct sock_fprog filter = {.len = len, .filter = program};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) die("seccomp");
}
