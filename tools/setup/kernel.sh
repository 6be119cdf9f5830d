# The guest kernel: Debian's source, our configuration, one reproducible vmlinux in the cache.

# Roughly how many lines a build prints; only the progress line uses it.
KERNEL_BUILD_LINES=1286

kernel_source() { ls -1 /usr/src/linux-source-*.tar.xz 2>/dev/null | sort -V | head -n 1; }

# What the kernel's bytes depend on: the source package, our files, the compiler and linker, and this recipe.
kernel_hash() {
	local source package
	source=$(kernel_source)
	[ -n "$source" ] || die "no /usr/src/linux-source-*.tar.xz; run tools/setup/setup packages"
	package=$(basename "$source" .tar.xz)
	{
		dpkg-query -W -f '${Package} ${Version}\n' "$package"
		gcc --version | head -n 1
		ld --version | head -n 1
		kernel_config "$source"
		cat guest/kernel/source/*.c guest/kernel/headers.h tools/setup/kernel.sh tools/setup/kernel-cc
	} | hash
}

# kernel_config SOURCE: our configuration for a source package, linux-source-6.1.tar.xz for example.
kernel_config() {
	local version
	version=$(basename "$1" .tar.xz)
	version=guest/kernel/${version#linux-source-}.config
	cat guest/kernel/kraud.config
	[ ! -e "$version" ] || cat "$version"
}

# Left out while unpacking: what this configuration never reads. Kconfig files and makefiles stay. A star matches slashes too.
KERNEL_EXCLUDE=(
	'*/Documentation/*.rst' '*/Documentation/*.txt' '*/Documentation/*.yaml' '*/Documentation/*.svg' '*/samples/*.[ch]' '*/sound/*.[ch]'
	'*/tools/testing' '*/tools/perf' '*/tools/bpf' '*/tools/power' '*/fs/*/*test*.c' '*/fs/xfs/*.[ch]'
	'*/fs/btrfs/*.[ch]' '*/drivers/[!bcnrtv]*/*.[chS]' '*/drivers/clk/*.[ch]' '*/drivers/crypto/*.[ch]' '*/drivers/comedi/*.[ch]'
	'*/drivers/net/*/*.[ch]' '*/drivers/regulator/*.[ch]' '*/drivers/video/*.[ch]'
	'*/arch/[!ux]*/*.[chS]' '*/arch/um/*.[chS]' '*/arch/xtensa/*.[chS]' '*/arch/[!x]*/boot/dts' '*/arch/arm*/boot' '*.dts' '*.dtsi'
)

kernel_build() {
	local source=$1 work=$2 out=$2/out make_args exclude=() pattern cc=$PWD/tools/setup/kernel-cc
	for pattern in "${KERNEL_EXCLUDE[@]}"; do exclude+=(--exclude="$pattern"); done
	mkdir "$work/src"
	tar -xf "$source" -C "$work/src" --strip-components=1 --no-same-owner "${exclude[@]}"
	kernel_prepare_source "$work/src"
	# The same bytes from the same inputs, wherever and whenever they are built.
	export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=kraud KBUILD_BUILD_HOST=guest KBUILD_BUILD_VERSION=1
	export KCFLAGS="-ffile-prefix-map=$work/src=." KAFLAGS="-ffile-prefix-map=$work/src=."
	# One job more than CPUs, for the moments when make and the shell wait for each other.
	make_args=(-C "$work/src" O="$work/build" CC="$cc" "-j$(($(nproc) + 1))")
	mkdir "$work/build"
	# The headers are compiled before anything else, with the options of a file of ours.
	export KERNEL_SOURCE=$work/src KERNEL_HEADERS=$work/headers.h KERNEL_HEADERS_FROM=$work/src/drivers/virtio/kraud_ioapic2.c
	cp guest/kernel/headers.h "$work/headers.h"
	kernel_config "$source" >"$work/wanted"
	make "${make_args[@]}" KCONFIG_ALLCONFIG="$work/wanted" allnoconfig
	kernel_check_config "$work/wanted" "$work/build/.config"
	make "${make_args[@]}" drivers/virtio/kraud_ioapic2.o
	make "${make_args[@]}" vmlinux
	mkdir "$out"
	strip --strip-all -o "$out/vmlinux" "$work/build/vmlinux"
	cp "$work/build/.config" "$out/config"
	cat "$work/build/include/config/kernel.release" >"$out/version"
	local package
	package=$(basename "$source" .tar.xz)
	dpkg-query -W -f '${Package} ${Version}\n' "$package" >"$out/source"
	chmod 755 "$out"
	chmod 644 "$out"/*
}

# Files of ours are compiled in: each guest/kernel/source/NAME.c becomes drivers/virtio/NAME.c. The rest saves CPU time in a build
# that is done once and thrown away:
# - make doesn't walk through some three hundred folders in which this configuration builds an empty archive each;
# - objtool, which would read every object again, is neither built nor run: all that it would do for this configuration is to
#   turn the few static calls from jumps through a trampoline into direct ones. (Linux 6.12's assembly can't do without it;)
# - nothing is noted of the headers that an object was made from, which only a second build would have to know.
kernel_prepare_source() {
	local file
	for file in guest/kernel/source/*.c; do
		cp "$file" "$1/drivers/virtio/"
		echo "obj-y += $(basename "$file" .c).o" >>"$1/drivers/virtio/Makefile"
	done
	awk '/^obj-y[ \t]/ { kept = "obj-y +="; for (i = 3; i <= NF; i++) if ($i ~ /^(base|block|char|clocksource|net|tty|virtio)\/$/) kept = kept " " $i
		print kept; next } { print }' "$1/drivers/Makefile" >"$1/drivers/Makefile.new"
	mv "$1/drivers/Makefile.new" "$1/drivers/Makefile"
	: >"$1/arch/x86/platform/Makefile"
	sed -i '/^obj-y.*sound\//d' "$1/Kbuild"
	grep -q VALIDATE_UNRET_BEGIN "$1/include/linux/objtool.h" || sed -i '/select HAVE_OBJTOOL\s/d' "$1/arch/x86/Kconfig"
	cat >>"$1/scripts/Kbuild.include" <<-'END'
		cmd_and_fixdep = $(cmd); printf '%s\n' 'cmd_$@ := $(make-cmd)' 'savedcmd_$@ := $(make-cmd)' >$(dot-target).cmd
	END
}

# kernel_check_config WANTED GOT: Kconfig drops silently what it can't honour; a fragment line that didn't come through is an error here.
kernel_check_config() {
	local line symbol bad=0
	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF -- "$line" "$2" || { echo "not honoured: $line"; bad=1; }
			;;
		'# CONFIG_'*' is not set')
			symbol=${line#\# }
			symbol=${symbol%% *}
			! grep -q "^$symbol=" "$2" || { echo "still on: $symbol"; bad=1; }
			;;
		esac
	done <"$1"
	return "$bad"
}

kernel_progress() {
	local lines
	lines=$(grep -cE '^  (CC|AS|LD|AR|HOSTCC)  ' "$1" || true)
	if [ "$lines" -eq 0 ]; then echo "unpacking the source"; else echo "$lines of about $KERNEL_BUILD_LINES files"; fi
}

setup_kernel() {
	local key target work
	key=$(kernel_hash)
	target=$KRAUD_CACHE/guest/$key
	if [ ! -e "$target/vmlinux" ]; then
		work=$(mktemp -d "$KRAUD_CACHE/tmp/kernel.XXXXXX")
		STEP_PROGRESS=kernel_progress step "guest kernel" kernel_build "$(kernel_source)" "$work"
		publish "$work/out" "$target"
		rm -rf "$work"
	fi
	node tools/setup/current.mjs set \
		kernel "$target/vmlinux" kernelHash "$key" kernelVersion "$(cat "$target/version")"
}
