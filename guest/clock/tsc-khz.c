/*
 * Prints the rate of the machine's time stamp counter in kHz, measured against the kernel's clock: the value for the
 * guest's `tsc_early_khz=`. Under TCG a guest reads the host's own counter, but has nothing on microvm to measure it
 * by: the PIT is too slow in software, and there is no HPET and no PM timer. Fails if the counter's rate may change.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

enum { SPAN_NS = 100 * 1000 * 1000, TRIES = 64, INVARIANT_TSC = 1 << 8 };
static const unsigned CPUID_POWER = 0x80000007;

struct moment {
	uint64_t ticks;
	int64_t ns;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Counter and clock at the same moment: of many readings the one with the least time between. */
static struct moment read_both(void)
{
	struct moment best = {0, 0};
	uint64_t least = UINT64_MAX;
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		int64_t ns = now_ns();
		uint64_t between = __rdtsc() - before;
		if (between < least) {
			least = between;
			best = (struct moment){.ticks = before + between / 2, .ns = ns};
		}
	}
	return best;
}

int main(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(CPUID_POWER, &a, &b, &c, &d) || !(d & INVARIANT_TSC)) {
		fprintf(stderr, "tsc-khz: this CPU does not promise a constant time stamp counter\n");
		return 1;
	}
	struct moment first = read_both();
	struct timespec rest = {.tv_nsec = SPAN_NS};
	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		continue;
	struct moment last = read_both();
	double khz = (double)(last.ticks - first.ticks) * 1e6 / (double)(last.ns - first.ns);
	if (!(khz > 100e3 && khz < 100e6)) {
		fprintf(stderr, "tsc-khz: %.0f kHz is not to be believed\n", khz);
		return 1;
	}
	printf("%.0f\n", khz);
	return 0;
}
