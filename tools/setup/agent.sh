# The agent and the initramfs that carries it. Built in guest/agent/build by its own makefile, kept in the cache.

# What the agent's bytes depend on: its sources, the compiler, the libraries linked in, and this recipe.
agent_hash() {
	{
		find guest/agent/src guest/agent/Makefile -type f | sort | xargs sha256sum
		gcc --version | head -n 1
		dpkg-query -W -f '${Package} ${Version}\n' libc6-dev libnghttp2-dev libjansson-dev
		cat tools/setup/agent.sh
	} | hash
}

agent_build() {
	local work=$1
	make -C guest/agent
	mkdir "$work/out"
	cp guest/agent/build/agent "$work/out/agent"
	chmod 755 "$work/out/agent"
	initramfs "$work/out/agent" "$work/out/initramfs.cpio"
	chmod 755 "$work/out"
	chmod 644 "$work/out/initramfs.cpio"
}

# initramfs INIT OUT: INIT as /init, the empty directories it mounts on, and a console for its first words.
# The same bytes from the same INIT.
initramfs() {
	local root
	root=$(mktemp -d "$KRAUD_CACHE/tmp/initramfs.XXXXXX")
	mkdir "$root"/{dev,proc,sys,run,etc,tmp,root}
	chmod 755 "$root" "$root"/*
	chmod 1777 "$root/tmp"
	chmod 700 "$root/root"
	mknod -m 600 "$root/dev/console" c 5 1
	install -m 755 "$1" "$root/init"
	find "$root" -exec touch -h -d @0 {} +
	(cd "$root" && find . -mindepth 1 | sort | cpio --quiet -o -H newc --reproducible -R 0:0) >"$2"
	rm -rf "$root"
}

setup_agent() {
	local key target work
	if [ ! -e guest/agent/Makefile ]; then
		say "no guest/agent/Makefile: the agent is left out"
		return 0
	fi
	key=$(agent_hash)
	target=$KRAUD_CACHE/guest/$key
	if [ ! -e "$target/initramfs.cpio" ]; then
		work=$(mktemp -d "$KRAUD_CACHE/tmp/agent.XXXXXX")
		step "guest agent" agent_build "$work"
		publish "$work/out" "$target"
		rm -rf "$work"
	fi
	node tools/setup/current.mjs set agent "$target/agent" agentHash "$key" initramfs "$target/initramfs.cpio"
}
