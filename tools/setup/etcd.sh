# etcd for the tests and for a first cluster by hand: Debian's, unpacked into the cache. No service is installed,
# let alone enabled or started.

etcd_fetch() {
	local work=$1
	if [ -z "$(apt-cache show --no-all-versions etcd-server 2>/dev/null | grep '^Filename:')" ]; then
		apt-get -q update
	fi
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download etcd-server)
	mkdir "$work/all" "$work/out"
	dpkg -x "$work"/*.deb "$work/all"
	install -m 755 "$work/all/usr/bin/etcd" "$work/out/etcd"
	"$work/out/etcd" --version
	chmod 755 "$work/out"
}

setup_etcd() {
	command -v etcd >/dev/null && return 0
	[ -x "$KRAUD_CACHE/bin/etcd" ] && return 0
	local work target
	work=$(mktemp -d "$KRAUD_CACHE/tmp/etcd.XXXXXX")
	step "etcd" etcd_fetch "$work"
	target=$KRAUD_CACHE/etcd/$(sha256sum "$work/out/etcd" | cut -c1-16)
	publish "$work/out" "$target"
	rm -rf "$work"
	mkdir -p "$KRAUD_CACHE/bin"
	ln -sfn "$target/etcd" "$KRAUD_CACHE/bin/etcd.new"
	mv -T "$KRAUD_CACHE/bin/etcd.new" "$KRAUD_CACHE/bin/etcd"
}
