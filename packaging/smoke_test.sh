#!/usr/bin/env bash
# Whether an installed Outboard works: smoke_test.sh [BIN]. A server with a private Postgres in a
# directory of its own, an organisation, a file there and back, the doctor's word. Leaves nothing behind.
set -euo pipefail
bin="${1:-$(dirname "$(command -v outboard-server)")}"
root="$(mktemp -d)"
readonly bin root
chmod 755 "$root"
server=''
finish() {
  local status=$?
  if [[ -n $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  ((status == 0)) || tail -n 20 "$root/log" >&2
  rm -rf --one-file-system "$root"
  ((status == 0)) && echo 'Outboard works here.'
  return "$status"
}
trap finish EXIT

mkfifo "$root/ready"
"$bin/outboard-server" --data "$root/data" --listen "unix:$root/s" --site-token-file "$root/token" \
  --ready-fd 3 3>"$root/ready" 2>"$root/log" &
server=$!
read -r -t 120 _ <"$root/ready"
export OUTBOARD_SERVER="unix:$root/s" OUTBOARD_TOKEN_FILE="$root/token" OUTBOARD_ORG=smoke
"$bin/outboard" org create smoke
"$bin/outboard" volume create smoke/memory
"$bin/outboard" memory put hello.md - <<<'hello'
[[ $("$bin/outboard" memory cat hello.md) == hello ]]
"$bin/outboard" doctor
