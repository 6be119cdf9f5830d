# libfaketime for the tests that set a daemon's wall clock: Debian's, unpacked into the cache.

faketime_fetch() {
	local work=$1
	if [ -z "$(apt-cache show --no-all-versions libfaketime 2>/dev/null | grep '^Filename:')" ]; then
		apt-get -q update
	fi
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download libfaketime)
	mkdir "$work/all" "$work/out"
	dpkg -x "$work"/*.deb "$work/all"
	install -m 644 "$work"/all/usr/lib/*/faketime/libfaketimeMT.so.1 "$work/out/libfaketimeMT.so.1"
	LD_PRELOAD="$work/out/libfaketimeMT.so.1" FAKETIME='2001-02-03 04:05:06' date | grep 2001
	chmod 755 "$work/out"
}

setup_faketime() {
	[ -e "$KRAUD_CACHE/bin/libfaketimeMT.so.1" ] && return 0
	local work target
	work=$(mktemp -d "$KRAUD_CACHE/tmp/faketime.XXXXXX")
	step "libfaketime" faketime_fetch "$work"
	target=$KRAUD_CACHE/faketime/$(sha256sum "$work/out/libfaketimeMT.so.1" | cut -c1-16)
	publish "$work/out" "$target"
	rm -rf "$work"
	mkdir -p "$KRAUD_CACHE/bin"
	ln -sfn "$target/libfaketimeMT.so.1" "$KRAUD_CACHE/bin/libfaketimeMT.so.1.new"
	mv -T "$KRAUD_CACHE/bin/libfaketimeMT.so.1.new" "$KRAUD_CACHE/bin/libfaketimeMT.so.1"
}
