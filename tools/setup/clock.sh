# The small program that measures the rate of the host's time stamp counter for guests under TCG.

clock_build() {
	mkdir "$1/out"
	gcc -std=gnu11 -O2 -static -Wall -Wextra -Werror -o "$1/out/tsc-khz" guest/clock/tsc-khz.c
	chmod 755 "$1/out" "$1/out/tsc-khz"
}

setup_clock() {
	local key target work
	key=$({ gcc --version | head -n 1; cat guest/clock/tsc-khz.c tools/setup/clock.sh; } | hash)
	target=$KRAUD_CACHE/guest/$key
	if [ ! -e "$target/tsc-khz" ]; then
		work=$(mktemp -d "$KRAUD_CACHE/tmp/clock.XXXXXX")
		step "clock probe" clock_build "$work"
		publish "$work/out" "$target"
		rm -rf "$work"
	fi
	node tools/setup/current.mjs set tscKhzProbe "$target/tsc-khz"
}
