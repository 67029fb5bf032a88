# For the tests that speak to a server by the command line: sourced, it makes a folder of the test's own in $root, has a
# server on a Postgres of its own run until the test ends, and says how to check what the command says.
# shellcheck shell=bash
set -euo pipefail
source="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
readonly source
readonly bin="${OUTBOARD_BIN:?the folder with the built programs}"
root="$(mktemp -d)"
readonly root
chmod 755 "$root"
server=''

finish() {
  local status=$?
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  ((status == 0)) || tail -n 20 "$root/server.log" "$root/said" 2>/dev/null >&2 || true
  rm -rf --one-file-system "$root"
}
trap finish EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# ob WORDS…: the command, as whoever OUTBOARD_TOKEN_FILE says.
ob() { "$bin/outboard" "$@"; }
# does TEXT WORDS…: it ends well and says TEXT.
does() {
  local text="$1"
  shift
  ob "$@" >"$root/said" 2>&1 || fail "outboard $* ended with $?"
  grep -qF -- "$text" "$root/said" || fail "outboard $* did not say: $text"
  echo "ok: outboard $*"
}
# refuses CODE TEXT WORDS…: it ends with CODE and says TEXT.
refuses() {
  local code="$1" text="$2" status=0
  shift 2
  ob "$@" >"$root/said" 2>&1 </dev/null || status=$?
  ((status == code)) || fail "outboard $* ended with $status, not $code"
  grep -qF -- "$text" "$root/said" || fail "outboard $* did not say: $text"
  echo "ok: outboard $* is refused"
}

mkfifo "$root/ready"
"$bin/outboard-server" --data "$root/data" --listen "unix:$root/s" \
  --site-token-file "$root/site.token" --ready-fd 3 3>"$root/ready" 2>"$root/server.log" &
server=$!
exec {ready}<"$root/ready"
read -r -t 60 -u "$ready" address || fail "the server is not ready"
export OUTBOARD_SERVER="$address" OUTBOARD_TOKEN_FILE="$root/site.token"
unset OUTBOARD_TOKEN OUTBOARD_ORG
