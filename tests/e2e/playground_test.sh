#!/usr/bin/env bash
# The playground from outside: it comes up, its mounts share files, SIGTERM leaves nothing behind,
# what was stored is there at the next start, and a playground killed outright is no obstacle to it.
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
readonly here up="$here/../../examples/playground/up"
root="$(mktemp -d)"
readonly root dir="$root/play"
chmod 755 "$root"
playground=''

finish() {
  local status=$?
  if [[ -n $playground ]]; then
    kill -TERM "$playground" 2>/dev/null || true
    wait "$playground" 2>/dev/null || true
  fi
  ((status == 0)) || tail -n 20 "$dir"/run/*.log "$root/up.log" 2>/dev/null >&2 || true
  rm -rf --one-file-system "$root"
}
trap finish EXIT

# check WHAT COMMAND…
check() {
  local what="$1"
  shift
  if ! "$@"; then
    echo "FAILED: $what" >&2
    exit 1
  fi
  echo "ok: $what"
}
not() { ! "$@"; }
# What is closed here is pushed there: within milliseconds, not at once.
soon() {
  local until=$((SECONDS + 10))
  until "$@"; do ((SECONDS < until)) || return 1; done
}
# Prints the processes that name the playground's directory in their arguments.
living() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    tr '\0' ' ' <"$file" 2>/dev/null | grep -F "$dir/" || true
  done
}
mounts() { findmnt -rno TARGET | grep -F "$dir/"; }
nothing_lives() { [[ -z $(living) ]]; }

# Starts it and returns at its word that it is ready.
start() {
  local line
  mkfifo "$root/words"
  "$up" "$dir" "$@" 2>"$root/words" &
  playground=$!
  exec {words}<"$root/words" # stays open: who writes to a closed one dies
  rm "$root/words"
  while IFS= read -r -t 120 -u "$words" line; do
    printf '%s\n' "$line" >>"$root/up.log"
    [[ $line != Ready:* ]] || break
  done
  check "ready" test -e "$dir/ready"
}

start
check "env is for its owner's eyes" test "$(stat -c %a "$dir/env")" = 600
# shellcheck disable=SC1091
. "$dir/env"
for name in OUTBOARD_SERVER OUTBOARD_TOKEN OUTBOARD_DATABASE_URL OUTBOARD_BIN; do
  check "env names $name" test -n "${!name:-}"
done
check "the command line reaches the server" "$OUTBOARD_BIN/outboard" skills list
check "psql reaches the database" psql -XAtqc 'select 1' "$OUTBOARD_DATABASE_URL"
check "three skills in ada's mount" test "$(find "$dir/a/skills" -name SKILL.md | wc -l)" = 3
check "bob sees what was pushed" soon diff -rq "$here/../../examples/skills" "$dir/b/skills"
check "skills are read-only" not touch "$dir/a/skills/new"
echo "from ada" >"$dir/a/memory/note.md"
check "bob reads what ada closed" soon grep -sqx "from ada" "$dir/b/memory/note.md"
echo "from bob" >>"$dir/b/memory/note.md"
check "ada reads what bob added" soon grep -sqx "from bob" "$dir/a/memory/note.md"
check "a second one on the same directory is refused" not "$up" "$dir"

kill -TERM "$playground"
wait "$playground" && status=0 || status=$?
check "SIGTERM ends it with code 0" test "$status" = 0
check "nothing is left mounted" not mounts
check "no process is left" nothing_lives
check "ready is gone" not test -e "$dir/ready"

start --mounts 3
check "what was stored is there" test "$(cat "$dir/c/memory/note.md")" = $'from ada\nfrom bob'
kill -KILL "$playground"
wait "$playground" 2>/dev/null || true

start
check "after kill -9 the mounts work" test "$(cat "$dir/b/memory/note.md")" = $'from ada\nfrom bob'
echo "still here" >>"$dir/a/memory/note.md"
check "and share files" soon grep -qx "still here" "$dir/b/memory/note.md"
check "the third mount of the killed one is gone" not mountpoint -q "$dir/c/memory"
kill -TERM "$playground"
wait "$playground" || true
playground=''
check "nothing is left mounted at the end" not mounts
check "no process is left at the end" nothing_lives
