# Sourced by setup: speaking, waiting, hashing, and a cache that is never half written.

say() { printf '%s\n' "$*" >&2; }

die() {
	say "set-up: $*"
	exit 1
}

# hash: the first 16 hex digits of standard input's SHA-256.
hash() { sha256sum | cut -c1-16; }

# took SECONDS: "7 s" or "2 min 05 s".
took() {
	if [ "$1" -lt 60 ]; then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# step LABEL COMMAND…: runs COMMAND in the background with its output in a log file, and shows that it lives: on a
# terminal one line that is rewritten, elsewhere a plain line after two seconds and then every ten.
# STEP_PROGRESS may name a function that prints a few words about how far it is; it gets the log's path.
step() {
	local label=$1 log started=$SECONDS shown=0 pid status=0
	shift
	log=$(mktemp "$KRAUD_CACHE/tmp/log.XXXXXX")
	("$@") >"$log" 2>&1 </dev/null &
	pid=$!
	step_pid=$pid
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		local elapsed=$((SECONDS - started)) words=
		[ "$elapsed" -ge 2 ] || continue
		if [ -t 2 ]; then
			[ -z "${STEP_PROGRESS:-}" ] || words=$("$STEP_PROGRESS" "$log")
			printf '\r\033[K%s … %s%s' "$label" "$(took "$elapsed")" "${words:+, $words}" >&2
			shown=$elapsed
		elif [ "$shown" -eq 0 ] || [ $((elapsed - shown)) -ge 10 ]; then
			[ -z "${STEP_PROGRESS:-}" ] || words=$("$STEP_PROGRESS" "$log")
			say "$label … $(took "$elapsed")${words:+, $words}"
			shown=$elapsed
		fi
	done
	wait "$pid" || status=$?
	step_pid=
	[ "$shown" -eq 0 ] || { [ -t 2 ] && printf '\r\033[K' >&2; } || true
	if [ "$status" -ne 0 ]; then
		tail -n 30 "$log" >&2
		die "$label failed (exit $status); the whole output is in $log"
	fi
	rm -f "$log"
	[ "$shown" -eq 0 ] || say "$label: done in $(took $((SECONDS - started)))"
}

# A set-up that is stopped stops what it started: the step runs as a child with its own children.
step_pid=
stop_children() {
	trap - INT TERM HUP
	[ -z "$step_pid" ] || stop_tree "$step_pid"
	exit 130
}
stop_tree() {
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do stop_tree "$child"; done
	kill "$1" 2>/dev/null || true
}
trap stop_children INT TERM HUP

# take_lock FILE: held until this process ends, also when it is killed.
take_lock() {
	exec 9>"$1"
	flock -n 9 && return
	say "another set-up is running; waiting for it"
	flock 9
}

# What an interrupted run left behind; safe because the lock is held. Logs of failures stay for a week.
sweep_tmp() {
	find "$KRAUD_CACHE/tmp" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
	find "$KRAUD_CACHE/tmp" -mindepth 1 -maxdepth 1 -type f -mtime +7 -delete
}

# publish DIR TARGET: puts a finished directory in its place in one step. Its files reach the disk first.
publish() {
	sync -f "$1"
	mkdir -p "$(dirname "$2")"
	[ -e "$2" ] && rm -rf "$1" || mv -T "$1" "$2"
}
