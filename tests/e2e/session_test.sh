#!/usr/bin/env bash
# Sessions through the real programs: a server, a harness, sandboxes of this machine, a recorded
# model. One works with skills and memory, another reads what it noted; a harness is killed in the
# middle of a command, and a sandbox too; no secret of the backend is in a sandbox.
set -euo pipefail
here="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
readonly here playground="$here/../../examples/playground" scenarios="$here/../../examples/scenarios"
root="$(mktemp -d)"
readonly root dir="$root/p"
chmod 755 "$root"
up=''

finish() {
  local status=$? job
  if [[ -n $up ]]; then
    kill -TERM "$up" 2>/dev/null || true
    wait "$up" 2>/dev/null || true
  fi
  for job in $(jobs -p); do pkill -TERM -P "$job" || true; done # a watcher would wait for ever
  ((status == 0)) || tail -n 20 "$dir/run/harness.log" "$dir/run/server.log" "$root"/*.said >&2 || true
  rm -rf --one-file-system "$root"
}
trap finish EXIT

check() { # check WHAT COMMAND…
  local what="$1"
  shift
  if ! "$@"; then
    echo "FAILED: $what" >&2
    exit 1
  fi
  echo "ok: $what"
}
soon() {
  local until=$((SECONDS + 60))
  until "$@"; do ((SECONDS < until)) || return 1; done
}
sql() { psql -XAtq -v ON_ERROR_STOP=1 "$OUTBOARD_DATABASE_URL" -c "$1"; }
workspace() { echo "$dir/sandboxes/$1/workspace"; }
# as WHO NAME ARGUMENTS…: `outboard session` with that person's token; what it says is in NAME.said.
as() {
  local who="$1" name="$2"
  shift 2
  env -u OUTBOARD_TOKEN OUTBOARD_TOKEN_FILE="$dir/run/token-${who:0:1}" "$OUTBOARD_BIN/outboard" session \
    "$@" >>"$root/$name.said" 2>&1 </dev/null
}
run() { as "$1" "$2" run --model "scripted:$scenarios/$2.yaml" "$3"; } # run WHO SCENARIO MESSAGE
go_on() { as ada "$1" run --session "$2" "$3"; }                       # go_on NAME ID MESSAGE
id_of() { sed -n 's/^session \([0-9a-f-]*\)$/\1/p' "$root/$1.said" | tail -n 1; }
# Calls of a session that have not exactly one end.
orphans() {
  sql "select count(*) from (
    select convert_from(payload, 'UTF8')::jsonb ->> 'op' from outboard.events
    where session = '$1' and kind in ('call_intended', 'call_finished', 'call_lost', 'call_denied')
    group by 1 having count(*) filter (where kind = 'call_intended') <> 1 or count(*) <> 2) as odd"
}
# replaces_daemons SESSION: of all sandboxes, that one among them.
replaces_daemons() {
  "$OUTBOARD_BIN/outboard-harness" replace-daemons --sandboxes "$dir/sandboxes" >"$root/replaced" &&
    grep -qx "$1: replaced" "$root/replaced"
}
not_replaced() {
  ! "$OUTBOARD_BIN/outboard-harness" replace-daemons --sandboxes "$dir/sandboxes" "$1" 2>"$root/replaced" &&
    grep -q "has no running sandbox here" "$root/replaced"
}
# Two of the long command's six steps are done.
in_the_middle() {
  local count
  count="$(workspace "$(id_of long_command)")/count.txt"
  [[ -e $count ]] && (($(wc -l <"$count") >= 2))
}

# Not asked with; only to be looked for.
key="sk-ant-made-up-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
mkfifo "$root/words"
ANTHROPIC_API_KEY="$key" "$playground/up" "$dir" 2>"$root/words" &
up=$!
exec {words}<"$root/words"
while IFS= read -r -t 120 -u "$words" line; do
  printf '%s\n' "$line" >>"$root/up.said"
  [[ $line != Ready:* ]] || break
done
check "ready" test -e "$dir/ready"
# shellcheck disable=SC1091
. "$dir/env"
check "there is a harness" test -n "${OUTBOARD_HARNESS:-}"

# ── [S26] Skills, a sandbox, memory ─────────────────────────────────────────────────────────────────────

check "ada's session goes as its scenario says" \
  run ada review_and_remember "Review migration 0007."
first="$(id_of review_and_remember)"
check "its note is in ada's mount" soon grep -sq '^- migration 0007' "$dir/a/memory/MEMORY.md"
check "its file is in its workspace" test -s "$(workspace "$first")/migrations/0007_orders.sql"
check "bob's session reads the note" run bob read_memory "What do we know?"
check "bob does not see ada's session" bash -c "! env -u OUTBOARD_TOKEN \
  OUTBOARD_TOKEN_FILE='$dir/run/token-b' '$OUTBOARD_BIN/outboard' session list | grep -q '$first'"
sql "update outboard.skill_files set content = content || E'\nHouse rule: CONCURRENTLY.\n'
  where org = 'acme' and path = '/sql-migrations-review/SKILL.md'"
check "mount daemons of frozen sandboxes are replaced" replaces_daemons "$first"
check "a thawed sandbox shows what SQL changed meanwhile" \
  go_on review_and_remember "$first" "Is there anything new?"

# ── [S23] [S24] [S25] kill -9 of the harness in the middle of a command ─────────────────────────────────────────────

rm -f "$root/long_command.said"
run ada long_command "Take your time." &
watching=$!
check "the command runs" soon in_the_middle
second="$(id_of long_command)"
count="$(workspace "$second")/count.txt"
read -r harness _ <"$dir/run/harness.child"
kill -KILL "$harness"
check "the session goes on to its end" wait "$watching"
check "the command ran once, to its end" cmp "$count" <(seq 6)
check "its true result was taken" grep -q 'done: count.txt has 6 lines' "$root/long_command.said"
check "it was taken over" test "$(sql "select count(*) from outboard.events
  where session = '$second' and kind = 'claimed'")" -ge 2
check "each call has one result" test "$(orphans "$second")" = 0

# ── [S59] Another mount daemon in the middle of a command ───────────────────────────────────────────────

rm -f "$root/long_command.said"
run ada long_command "Take your time." &
watching=$!
check "the command runs" soon in_the_middle
check "its mount daemon is replaced" replaces_daemons "$(id_of long_command)"
check "the session goes on to its end" wait "$watching"
check "with the command's result" grep -q 'done: count.txt has 6 lines' "$root/long_command.said"
check "whose sandbox does not run is told" not_replaced 00000000-0000-4000-8000-000000000000

# ── [S23] [S24] kill -9 of a sandbox in the middle of a command ───────────────────────────────────────────────

rm -f "$root/long_command.said"
run ada long_command "Take your time." &
watching=$!
check "the command runs" soon in_the_middle
third="$(id_of long_command)"
count="$(workspace "$third")/count.txt"
read -r _ _ _ outer _ <"$dir/sandboxes/$third/record"
kill -KILL "$outer"
wait "$watching" || true # the scenario expects an end that never was
check "nobody ran it again" test "$(wc -l <"$count")" -lt 6
check "the model was told that nobody knows" grep -q 'may have' "$root/long_command.said"
check "the call is lost, and says so" test "$(sql "select count(*) from outboard.events
  where session = '$third' and kind = 'call_lost'")" = 1
check "each call has one result there too" test "$(orphans "$third")" = 0

# ── [S27] Secrets ───────────────────────────────────────────────────────────────────────────────────────

{
  for file in "$dir"/run/token-* "$dir/run/site-token" "$dir/sandboxes/$first/mount/token"; do
    printf '%s\t%s\n' "${file#"$dir"/}" "$(rev <"$file")"
  done
  printf 'the model key\t%s\n' "$(rev <<<"$key")"
  printf 'the database\t%s\n' "$(rev <<<"$OUTBOARD_DATABASE_URL")"
} >"$root/needles"
read -r harness _ <"$dir/run/harness.child"
check "the search finds each secret where it may be" "$playground/find_secrets" "$root/needles" --all \
  --in "$dir/run" "$dir/env" "$dir/sandboxes/$first/mount" --pid "$harness"
install -m 644 "$root/needles" "$playground/find_secrets" "$(workspace "$first")/"
check "and none in the sandbox" go_on review_and_remember "$first" "Search for secrets."
check "which it says" grep -q 'secrets found none' "$root/review_and_remember.said"

# ── The end ───────────────────────────────────────────────────────────────────────────────────────

kill -TERM "$up"
wait "$up" && status=0 || status=$?
up=''
check "SIGTERM ends it with code 0" test "$status" = 0
# Processes that name the playground's directory in their arguments.
living() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    tr '\0' ' ' <"$file" 2>/dev/null | grep -F "$dir/" || true
  done
}
nothing_lives() { [[ -z $(living) ]]; }
check "no sandbox is left" nothing_lives
