#define _GNU_SOURCE
#include "threads.h"

#include "jail.h"

#include <asm/prctl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 160, STACK_BYTES = 4096, PARK_MS_MAX = 10000, RSEQ_SIGNATURE = 0x53053053, RSEQ_BYTES = 32 };

struct thread {
	pid_t tid;
	char *self; /* the C library's block for it, which its thread register points to */
	void *robust_list;
	size_t robust_bytes;
	jmp_buf at;
	atomic_bool parked;
	bool gone; /* it ended before it was parked */
	_Alignas(16) char stack[STACK_BYTES]; /* only until it is on its own again */
};

static struct thread threads[THREADS_MAX];
static int threads_count;
static size_t tid_offset; /* in the C library's block */
static const int park_signal_offset = 2;

static int park_signal(void) { return SIGRTMAX - park_signal_offset; }
static pid_t own_tid(void) { return (pid_t)syscall(SYS_gettid); }
static char *own_block(void)
{
	char *block = NULL;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &block);
	return block;
}

/* So that threads which block all signals can be stood still. */
__attribute__((visibility("default"))) int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	static int (*next)(int, const sigset_t *, sigset_t *);
	if (!next) next = (int (*)(int, const sigset_t *, sigset_t *))dlsym(RTLD_NEXT, "pthread_sigmask");
	sigset_t open;
	if (set && how != SIG_UNBLOCK) {
		open = *set;
		sigdelset(&open, park_signal());
		set = &open;
	}
	return next(how, set, old);
}

/* Returns in a fork only. */
static void stand_still(struct thread *self)
{
	static int never;
	if (setjmp(self->at) != 0) return;
	self->self = own_block();
	syscall(SYS_get_robust_list, 0, &self->robust_list, &self->robust_bytes);
	atomic_store(&self->parked, true);
	for (;;) syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

/* Takes no lock. */
static void on_park(int signal)
{
	(void)signal;
	int error = errno;
	pid_t tid = own_tid();
	for (int i = 0; i < threads_count; i++)
		if (threads[i].tid == tid && !threads[i].gone) stand_still(&threads[i]);
	errno = error;
}

void threads_init(void)
{
	/* Where the C library keeps a thread's number, for its locks: it must be right in a fork's threads too. */
	enum { FIRST = 0x100, LAST = 0x600 };
	const char *block = own_block();
	pid_t tid = own_tid();
	for (size_t at = FIRST; at < LAST && !tid_offset; at += sizeof(pid_t))
		if (*(const pid_t *)(block + at) == tid) tid_offset = at;
	struct sigaction action = {.sa_handler = on_park, .sa_flags = SA_RESTART};
	sigfillset(&action.sa_mask);
	if (sigaction(park_signal(), &action, NULL) < 0) die("sigaction");
}

static bool is_known(pid_t tid)
{
	for (int i = 0; i < threads_count; i++)
		if (threads[i].tid == tid && !threads[i].gone) return true;
	return false;
}

/* How many more there are than were known; -1 if they can't be found, or are too many. */
static int signal_others(void)
{
	DIR *dir = opendir("/proc/self/task");
	if (!dir) return -1;
	int more = 0;
	for (struct dirent *entry; more >= 0 && (entry = readdir(dir));) {
		pid_t tid = (pid_t)atoi(entry->d_name);
		if (tid <= 0 || tid == own_tid() || is_known(tid)) continue;
		if (threads_count == THREADS_MAX) {
			more = -1;
			break;
		}
		threads[threads_count++] = (struct thread){.tid = tid};
		/* One that has just ended is found out later. */
		syscall(SYS_tgkill, getpid(), tid, park_signal());
		more++;
	}
	closedir(dir);
	return more;
}

/* Until each is parked, or gone. */
static bool await_parked(int first)
{
	for (int ms = 0;; ms++) {
		int waiting = -1;
		for (int i = threads_count - 1; i >= first; i--)
			if (!threads[i].gone && !atomic_load(&threads[i].parked)) waiting = i;
		if (waiting < 0) return true;
		if (ms == PARK_MS_MAX) return false;
		nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
		if (syscall(SYS_tgkill, getpid(), threads[waiting].tid, 0) < 0) threads[waiting].gone = true;
	}
}

bool threads_park(const char **why)
{
	*why = "the C library keeps the numbers of its threads elsewhere";
	if (!tid_offset || *(pid_t *)(own_block() + tid_offset) != own_tid()) return false;
	for (;;) {
		int known = threads_count, more = signal_others();
		*why = "not all threads can be found";
		if (more < 0) return false;
		if (more == 0) break;
		*why = "a thread does not stand still";
		if (!await_parked(known)) return false;
	}
	*why = "the main thread has ended";
	if (threads_count == 0 || threads[0].tid != getpid()) return false;
	*why = "the C library keeps the number of a thread elsewhere";
	for (int i = 0; i < threads_count; i++)
		if (!threads[i].gone && *(pid_t *)(threads[i].self + tid_offset) != threads[i].tid) return false;
	return true;
}

/* What the kernel knows of each thread for the C library's sake. */
static void tell_kernel(struct thread *thread)
{
	extern const ptrdiff_t __rseq_offset __attribute__((weak));
	if (thread->robust_list) syscall(SYS_set_robust_list, thread->robust_list, thread->robust_bytes);
	if (&__rseq_offset) syscall(SYS_rseq, thread->self + __rseq_offset, RSEQ_BYTES, 0, RSEQ_SIGNATURE);
}

static int go_on(void *argument)
{
	struct thread *thread = argument;
	tell_kernel(thread);
	longjmp(thread->at, 1);
}

void threads_resume(void)
{
	extern const ptrdiff_t __rseq_offset __attribute__((weak));
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
			  CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	struct thread *main_thread = NULL;
	sigset_t all;
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (int i = 0; i < threads_count; i++) {
		struct thread *thread = &threads[i];
		if (thread->gone) continue;
		/* The first that was listed: its number is the process'. */
		if (!main_thread) {
			main_thread = thread;
			continue;
		}
		pid_t *number = (pid_t *)(thread->self + tid_offset);
		if (clone(go_on, thread->stack + STACK_BYTES, flags, thread, NULL, thread->self, number) < 0) die("clone");
	}
	if (!main_thread) die("find the main thread");
	if (&__rseq_offset)
		syscall(SYS_rseq, own_block() + __rseq_offset, RSEQ_BYTES, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE);
	pid_t *number = (pid_t *)(main_thread->self + tid_offset);
	*number = own_tid();
	syscall(SYS_set_tid_address, number);
	if (syscall(SYS_arch_prctl, ARCH_SET_FS, main_thread->self) < 0) die("arch_prctl");
	go_on(main_thread);
	_exit(125);
}
