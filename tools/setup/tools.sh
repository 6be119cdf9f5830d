# What the demo and the tests drive, for machines that have none. No daemon of them is installed, let alone started.

version_works() { "$1" --version; }

# A docker CLI: docker-cli where Debian has it apart (trixie), else the client out of docker.io (bookworm).
setup_docker() {
	command -v docker >/dev/null || unpack_tool version_works own usr/bin/docker docker-cli docker.io
}

# etcd for the tests and for a first cluster by hand.
setup_etcd() {
	command -v etcd >/dev/null || unpack_tool version_works own usr/bin/etcd etcd-server
}

# Compose: Debian trixie's, since bookworm's doesn't speak to today's docker.
compose_works() { "$1" version; }
setup_compose() { unpack_tool compose_works trixie usr/libexec/docker/cli-plugins/docker-compose docker-compose; }

# libfaketime for the tests that set a daemon's wall clock.
faketime_works() { LD_PRELOAD=$1 FAKETIME='2001-02-03 04:05:06' date | grep 2001; }
setup_faketime() { unpack_tool faketime_works own 'usr/lib/*/faketime/libfaketimeMT.so.1' libfaketime; }
