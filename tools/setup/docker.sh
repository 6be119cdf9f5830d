# A docker CLI for those who have none: Debian's, unpacked into the cache. No daemon is installed, let alone started.

# docker-cli where Debian has it apart (trixie), else the client out of docker.io (bookworm).
docker_package() {
	local name
	for name in docker-cli docker.io; do
		[ -z "$(apt-cache show --no-all-versions "$name" 2>/dev/null | grep '^Filename:')" ] || { echo "$name"; return; }
	done
}

docker_fetch() {
	local work=$1 name
	name=$(docker_package)
	if [ -z "$name" ]; then
		apt-get -q update
		name=$(docker_package)
	fi
	[ -n "$name" ] || { echo "apt knows neither docker-cli nor docker.io"; return 1; }
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$name")
	mkdir "$work/all" "$work/out"
	dpkg -x "$work"/*.deb "$work/all"
	install -m 755 "$work/all/usr/bin/docker" "$work/out/docker"
	"$work/out/docker" --version
	chmod 755 "$work/out"
}

setup_docker() {
	command -v docker >/dev/null && return 0
	[ -x "$KRAUD_CACHE/bin/docker" ] && return 0
	local work target
	work=$(mktemp -d "$KRAUD_CACHE/tmp/docker.XXXXXX")
	step "docker CLI" docker_fetch "$work"
	target=$KRAUD_CACHE/docker/$(sha256sum "$work/out/docker" | cut -c1-16)
	publish "$work/out" "$target"
	rm -rf "$work"
	mkdir -p "$KRAUD_CACHE/bin"
	ln -sfn "$target/docker" "$KRAUD_CACHE/bin/docker.new"
	mv -T "$KRAUD_CACHE/bin/docker.new" "$KRAUD_CACHE/bin/docker"
}
