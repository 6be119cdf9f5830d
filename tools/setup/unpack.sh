# One file out of a Debian package, for whoever doesn't have it: unpacked into the cache and linked from its bin/.
# Nothing is installed, so no service can start.

# unpack_tool CHECK SUITE PATH PACKAGE…: PATH (it may have wildcards) of the first PACKAGE that apt knows becomes
# $KRAUD_CACHE/bin/NAME with PATH's last word as its name, once CHECK FILE has proved that it works here. SUITE is a release of
# Debian, or "own" for what this machine's apt has.
unpack_tool() {
	local path=$3 name work target
	name=$(basename "$path")
	[ -e "$KRAUD_CACHE/bin/$name" ] && return 0
	work=$(mktemp -d "$KRAUD_CACHE/tmp/$name.XXXXXX")
	step "$name" unpack_fetch "$work" "$@"
	target=$KRAUD_CACHE/$name/$(sha256sum "$work/out/$name" | cut -c1-16)
	publish "$work/out" "$target"
	rm -rf "$work"
	mkdir -p "$KRAUD_CACHE/bin"
	ln -sfn "$target/$name" "$KRAUD_CACHE/bin/$name.new"
	mv -T "$KRAUD_CACHE/bin/$name.new" "$KRAUD_CACHE/bin/$name"
}

unpack_fetch() {
	local work=$1 check=$2 suite=$3 path=$4 name package
	shift 4
	local options=(-q -o APT::Sandbox::User=root)
	if [ "$suite" != own ]; then
		apt_lists_of "$work" "$suite"
		options+=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
			-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/apt")
		apt-get "${options[@]}" update
	fi
	package=$(apt_first_known "$@")
	if [ -z "$package" ]; then
		apt-get "${options[@]}" update
		package=$(apt_first_known "$@")
	fi
	[ -n "$package" ] || { echo "apt knows none of: $*"; return 1; }
	(cd "$work" && apt-get "${options[@]}" download "$package")
	mkdir "$work/all" "$work/out"
	chmod 755 "$work/out"
	dpkg -x "$work"/*.deb "$work/all"
	name=$(basename "$path")
	# shellcheck disable=SC2086
	install -m 755 "$work/all"/$path "$work/out/$name"
	"$check" "$work/out/$name"
}

# The first of the named packages that apt could download, with the options of unpack_fetch.
apt_first_known() {
	local name
	for name in "$@"; do
		[ -z "$(apt-cache "${options[@]}" show --no-all-versions "$name" 2>/dev/null | grep '^Filename:')" ] || { echo "$name"; return; }
	done
}

# apt_lists_of WORK SUITE: apt's lists for a release other than the machine's, kept apart so that its sources stay as they are.
# They come from the mirror that the machine has Debian from.
apt_lists_of() {
	local codename mirror
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' | awk -v name="$codename" '$1 == name && !found { found = $2 } END { print found }')
	[ -n "$mirror" ] || die "apt has no source of Debian's packages"
	mkdir -p "$1/lists/partial" "$1/apt/archives/partial"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $2 main" >"$1/sources.list"
}
