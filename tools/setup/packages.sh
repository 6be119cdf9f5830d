# Debian packages: only what is missing, nothing recommended, no service started.

debian_or_die() {
	local id= version=
	if [ -r /etc/os-release ]; then
		id=$(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}")
		version=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_ID:-99}" || echo 99)
	fi
	[[ " $id " == *" debian "* ]] && command -v apt-get >/dev/null || die "Kraud's set-up knows Debian 12 and newer; this is ${id:-not Debian}"
	[ "${version%%.*}" -ge 12 ] || die "Kraud needs Debian 12 or newer; this is Debian $version"
}

# The kernel source that this machine's Debian has: the one already unpacked under /usr/src, else Debian's default.
kernel_source_package() {
	local found
	found=$(cd /usr/src 2>/dev/null && ls -1 linux-source-*.tar.xz 2>/dev/null | sed 's/\.tar\.xz$//' | sort -V | head -n 1)
	[ -n "$found" ] || found=$(apt-cache depends linux-source 2>/dev/null | sed -n 's/.*Depends: \(linux-source-[0-9.]*\).*/\1/p' | head -n 1)
	echo "$found"
}

packages_wanted() {
	# the VMM, and what makes disks and networks
	echo qemu-system-x86 squashfs-tools erofs-utils e2fsprogs nftables iproute2 busybox-static
	# what undoes layers that gzip and zstd didn't make; xz is below
	echo bzip2
	# what joins the VPCs of several hosts: in user space, and the tool for kernels that have it built in
	echo wireguard-go wireguard-tools
	# what the kernel and the agent are built with
	echo gcc libc6-dev make flex bison bc xz-utils cpio libelf-dev libnghttp2-dev libjansson-dev
	# what the C tests need: libFuzzer and the sanitizers
	echo clang libclang-rt-dev
	# what the tests drive: a registry with passwords, file attributes, HTTP by hand, processes; what lists the files that are checked
	echo docker-registry apache2-utils attr curl procps perl git
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

packages_missing() {
	local package
	for package in $(packages_wanted); do
		case $package in
		libclang-rt-dev) # its real name has clang's version in it
			compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a' >/dev/null || echo "$package"
			;;
		*) installed "$package" || echo "$package" ;;
		esac
	done
	compgen -G '/usr/src/linux-source-*.tar.xz' >/dev/null || echo linux-source
}

apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	local names=() name policy=/usr/sbin/policy-rc.d made=
	apt-get -q update
	for name in "$@"; do
		case $name in
		linux-source) name=$(kernel_source_package) ;;
		libclang-rt-dev) name=libclang-rt-$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\).*/\1/p' | head -n 1)-dev ;;
		esac
		[ -n "$name" ] || { echo "apt knows no linux-source package"; return 1; }
		names+=("$name")
	done
	# A package that carries a service (nftables does) must not start it: Debian's own switch for that.
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=1
	fi
	local status=0
	apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "${names[@]}" || status=$?
	[ -z "$made" ] || rm -f "$policy"
	return "$status"
}

setup_packages() {
	local missing
	missing=$(packages_missing | tr '\n' ' ')
	[ -n "${missing// /}" ] || return 0
	say "Debian packages to install: $missing"
	# shellcheck disable=SC2086
	step "Debian packages" apt_install $missing
	missing=$(packages_missing | tr '\n' ' ')
	[ -z "${missing// /}" ] || die "still missing after the installation: $missing"
}
