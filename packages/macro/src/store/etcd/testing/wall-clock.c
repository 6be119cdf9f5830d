/*
 * wall-clock: runs a program whose wall clock a test sets while it runs. Its monotonic clock goes on.
 *
 *   wall-clock FILE PROGRAM [ARG]...
 *
 *   FILE   eight bytes, a signed number of seconds: how far the clock is off. Written in place, it is seen at once.
 *
 * For programs that no preloaded library reaches, Go's for one. They ask the kernel's vDSO for the time; here a second
 * process, which follows this one through its exec, puts another function in the place of the vDSO's clock_gettime,
 * in that program's memory alone, and goes. What is left is the program with nothing around it: its process number,
 * signals and exit code are its own. It ends with whoever started it. gettimeofday and time are left as they are.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

/* In place of the vDSO's: asks the kernel, and adds what the file says to CLOCK_REALTIME, which is 0. */
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "clock_begin:\n"
        "	mov $228, %eax\n"
        "	syscall\n"
        "	test %edi, %edi\n"
        "	jnz 1f\n"
        "	test %eax, %eax\n"
        "	jnz 1f\n"
        "	mov clock_offset(%rip), %rdx\n"
        "	mov (%rdx), %rdx\n"
        "	add %rdx, (%rsi)\n"
        "1:	ret\n"
        "	.balign 8\n"
        "clock_offset:\n"
        "	.quad 0\n"
        "clock_end:\n"
        ".popsection\n");
extern const uint8_t clock_begin[], clock_offset[], clock_end[];
_Static_assert(SYS_clock_gettime == 228 && CLOCK_REALTIME == 0, "as in the code above");

static void die(const char *what)
{
	fprintf(stderr, "wall-clock: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(126);
}

/* Where clock_gettime is in the vDSO, counted from its begin: the same in every process of a kernel. */
static uint64_t clock_gettime_in_vdso(void)
{
	const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	if (!image)
		die("the vDSO");
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
	const Elf64_Phdr *parts = (const Elf64_Phdr *)(image + header->e_phoff);
	const Elf64_Dyn *dynamic = NULL;
	for (int i = 0; i < header->e_phnum; i++)
		if (parts[i].p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)(image + parts[i].p_offset);
	const char *names = NULL;
	const Elf64_Sym *symbols = NULL;
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_STRTAB)
			names = (const char *)(image + dynamic->d_un.d_ptr);
		if (dynamic->d_tag == DT_SYMTAB)
			symbols = (const Elf64_Sym *)(image + dynamic->d_un.d_ptr);
	}
	/* The names come right after the symbols. */
	for (const Elf64_Sym *at = symbols; at && (const char *)at < names; at++)
		if (strcmp(names + at->st_name, "__vdso_clock_gettime") == 0)
			return at->st_value;
	errno = 0;
	die("clock_gettime in the vDSO");
	return 0;
}

static uint64_t vdso_of(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/auxv", pid);
	FILE *file = fopen(path, "re");
	Elf64_auxv_t entry;
	while (file && fread(&entry, sizeof entry, 1, file) == 1) {
		if (entry.a_type != AT_SYSINFO_EHDR)
			continue;
		fclose(file);
		return entry.a_un.a_val;
	}
	die(path);
	return 0;
}

/* `length` is a multiple of eight. */
static void put(pid_t pid, uint64_t at, const void *from, size_t length)
{
	for (size_t i = 0; i < length; i += 8) {
		uint64_t word;
		memcpy(&word, (const uint8_t *)from + i, 8);
		if (ptrace(PTRACE_POKEDATA, pid, at + i, word) != 0)
			die("PTRACE_POKEDATA");
	}
}

/* The program makes this system call at `at`, where a `syscall` and a break point are. */
static uint64_t call(pid_t pid, uint64_t at, const struct user_regs_struct *before, uint64_t number,
                     const uint64_t arguments[6])
{
	struct user_regs_struct regs = *before;
	regs.rip = at;
	regs.rax = number;
	regs.orig_rax = -1;
	regs.rdi = arguments[0];
	regs.rsi = arguments[1];
	regs.rdx = arguments[2];
	regs.r10 = arguments[3];
	regs.r8 = arguments[4];
	regs.r9 = arguments[5];
	int status;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs) != 0 || ptrace(PTRACE_CONT, pid, 0, 0) != 0 ||
	    waitpid(pid, &status, __WALL) != pid)
		die("a system call of the program");
	errno = 0;
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP || ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0)
		die("a system call of the program");
	if (regs.rax > (uint64_t)-PAGE_BYTES) {
		errno = (int)-regs.rax;
		die("a system call of the program");
	}
	return regs.rax;
}

/* In a program that has not run yet: our function, and a jump to it where the vDSO's begins. */
static void replace(pid_t pid, int offset_fd)
{
	/* Up to where the exec has returned: until then the kernel still writes to a register. */
	int status;
	struct user_regs_struct regs;
	if (ptrace(PTRACE_SYSCALL, pid, 0, 0) != 0 || waitpid(pid, &status, __WALL) != pid)
		die("the end of the exec");
	errno = 0;
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80) || ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0)
		die("the end of the exec");
	const uint64_t at = vdso_of(pid) + clock_gettime_in_vdso();
	/* Functions begin on such boundaries, so what is written below is within one. */
	errno = 0;
	if (at % 16 != 0)
		die("where clock_gettime begins in the vDSO");
	const uint8_t syscall_and_break[16] = {0x0f, 0x05, 0xcc};
	put(pid, at, syscall_and_break, sizeof syscall_and_break);
	const uint64_t map_offset[6] = {0, PAGE_BYTES, PROT_READ, MAP_SHARED, (uint64_t)offset_fd, 0};
	const uint64_t offset = call(pid, at, &regs, SYS_mmap, map_offset);
	const uint64_t map_code[6] = {0, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0};
	const uint64_t code = call(pid, at, &regs, SYS_mmap, map_code);
	const uint64_t close_offset[6] = {(uint64_t)offset_fd};
	call(pid, at, &regs, SYS_close, close_offset);
	put(pid, code, clock_begin, (size_t)(clock_end - clock_begin));
	put(pid, code + (uint64_t)(clock_offset - clock_begin), &offset, sizeof offset);
	/* movabs $code, %rax; jmp *%rax */
	uint8_t jump[16] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
	memcpy(jump + 2, &code, sizeof code);
	put(pid, at, jump, sizeof jump);
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs) != 0)
		die("PTRACE_SETREGS");
}

/* Follows `pid` through its exec. Should this process die in between, so does the program. */
static void follow(pid_t pid, int offset_fd, int attached_fd)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
		die("PTRACE_SEIZE");
	if (write(attached_fd, "", 1) != 1)
		die("write");
	close(attached_fd);
	for (;;) {
		int status;
		if (waitpid(pid, &status, __WALL) != pid)
			die("waitpid");
		if (!WIFSTOPPED(status))
			exit(0); /* there was no such program */
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			break;
		const int signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
		if (ptrace(PTRACE_CONT, pid, 0, signal) != 0)
			die("PTRACE_CONT");
	}
	replace(pid, offset_fd);
	if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
		die("PTRACE_DETACH");
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: wall-clock FILE PROGRAM [ARG]...\n");
		return 2;
	}
	const int offset_fd = open(argv[1], O_RDONLY);
	if (offset_fd < 0)
		die(argv[1]);
	int attached[2];
	if (pipe2(attached, O_CLOEXEC) != 0)
		die("pipe2");
	const pid_t self = getpid();
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* not allowed to be set where nothing forbids it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		die("PR_SET_PDEATHSIG");
	/* The follower is nobody's child that this program would have to wait for. */
	const pid_t between = fork();
	if (between < 0)
		die("fork");
	if (between == 0) {
		const pid_t follower = fork();
		if (follower != 0)
			_exit(follower < 0);
		close(attached[0]);
		follow(self, offset_fd, attached[1]);
	}
	int status;
	if (waitpid(between, &status, 0) != between || status != 0)
		die("fork");
	close(attached[1]);
	char byte;
	errno = 0;
	if (read(attached[0], &byte, 1) != 1)
		die("the process that sets the clock");
	execvp(argv[2], argv + 2);
	die(argv[2]);
}
