# Set-up steps: each is announced in one line, timed, logged, and skipped when nothing it depends on has changed.
# Sourced by the other files of this folder; runs from the repository's root.

# shellcheck shell=bash disable=SC2034,SC2086

set -euo pipefail
trap 'echo "rt_seg: set-up stopped at ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND" >&2' ERR
cd "$(dirname "${BASH_SOURCE[0]}")/.."
REPOSITORY=$PWD
STATE=$REPOSITORY/.setup
mkdir -p "$STATE"

# Distribution Python, never the first one on PATH: ROS and its messages are installed for this one only.
SYSTEM_PYTHON=/usr/bin/python3
PYTHON=$REPOSITORY/.venv/bin/python
NOETIC=/opt/ros/noetic
[ -d "$NOETIC" ] || NOETIC=

say() { printf '%s\n' "$*"; }

stop() {
    printf 'rt_seg: %s\n' "$*" >&2
    exit 1
}

# fingerprint FILE...: one hash of the files' names and contents; absent files count as such.
fingerprint() {
    local file
    for file in "$@"; do
        printf '%s ' "$file"
        if [ -f "$file" ]; then sha256sum <"$file"; else echo absent; fi
    done | sha256sum | cut -c 1-32
}

# step NAME DESCRIPTION KEY OUTPUT COMMAND...
# Runs COMMAND with its output in .setup/NAME.log, unless it last succeeded with the same KEY and OUTPUT still exists.
# KEY holds everything the result depends on. A failure names the step, the log and the log's last lines, and ends here.
step() {
    local name=$1 description=$2 key=$3 output=$4 log=$STATE/$1.log stamp=$STATE/$1.stamp started code=0
    shift 4
    if [ -e "$output" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
        printf '%-16s %s: up to date\n' "$name" "$description"
        return
    fi
    rm -f "$stamp"
    printf '%-16s %s ... ' "$name" "$description"
    started=$(date +%s%N)
    # Not `( ... ) || code=$?`: within a command whose failure is caught so, `set -e` does not act.
    set +e
    (set -e; "$@") </dev/null >"$log" 2>&1
    code=$?
    set -e
    if [ $code -ne 0 ]; then
        say "failed"
        tail -n 25 "$log" | sed 's/^/    /' >&2
        stop "step '$name' failed (exit code $code); full log: ${log#"$REPOSITORY"/}"
    fi
    printf '%s' "$key" >"$stamp.new"
    mv "$stamp.new" "$stamp"
    seconds "$started"
}

# seconds STARTED: prints the time since STARTED (nanoseconds of the clock).
seconds() { awk -v started="$1" -v now="$(date +%s%N)" 'BEGIN { printf "%.1f s\n", (now - started) / 1e9 }'; }

# beside COMMAND...: starts steps beside those that follow, and keeps what they print; join_beside waits for them.
beside() {
    # A process group of its own, so that all of it can be ended together.
    set -m
    ("$@") </dev/null >"$STATE/beside.out" 2>&1 &
    BESIDE=$!
    set +m
    trap 'kill -- "-$BESIDE" 2>/dev/null || true' EXIT
}

join_beside() {
    local code=0
    wait "$BESIDE" || code=$?
    trap - EXIT
    cat "$STATE/beside.out"
    return $code
}
