# Compose for the tests, where the machine has none that speaks to today's docker: Debian trixie's, unpacked into the
# cache. It is looked up with lists of its own, so that the machine's sources stay as they are.

# The mirror that this machine has Debian from.
debian_mirror() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' | awk -v name="$codename" '$1 == name { print $2; exit }'
}

compose_fetch() {
	local work=$1
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "apt has no source of Debian's packages"
	mkdir -p "$work/lists/partial" "$work/apt/archives/partial" "$work/all" "$work/out"
	echo "deb [signed-by=$keys] $mirror trixie main" >"$work/sources.list"
	local options=(
		-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/apt" -o APT::Sandbox::User=root
	)
	apt-get "${options[@]}" update
	(cd "$work" && apt-get "${options[@]}" download docker-compose)
	dpkg -x "$work"/*.deb "$work/all"
	install -m 755 "$work/all/usr/libexec/docker/cli-plugins/docker-compose" "$work/out/docker-compose"
	"$work/out/docker-compose" version
	chmod 755 "$work/out"
}

setup_compose() {
	[ -x "$KRAUD_CACHE/bin/docker-compose" ] && return 0
	local work target
	work=$(mktemp -d "$KRAUD_CACHE/tmp/compose.XXXXXX")
	step "docker-compose" compose_fetch "$work"
	target=$KRAUD_CACHE/compose/$(sha256sum "$work/out/docker-compose" | cut -c1-16)
	publish "$work/out" "$target"
	rm -rf "$work"
	mkdir -p "$KRAUD_CACHE/bin"
	ln -sfn "$target/docker-compose" "$KRAUD_CACHE/bin/docker-compose.new"
	mv -T "$KRAUD_CACHE/bin/docker-compose.new" "$KRAUD_CACHE/bin/docker-compose"
}
