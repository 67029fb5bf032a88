#!/usr/bin/env bash
# Who may do what, by the command line on a real server: groups, grants for a part of a volume, tokens
# that follow them and are renewed, a person's export, and how users and organisations leave.
set -euo pipefail
# shellcheck source=tests/e2e/site.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/site.sh"
unset OUTBOARD_TOKEN_FILE
# ob WHO WORDS…: the command with the token of that name.
ob() {
  local who="$1"
  shift
  "$bin/outboard" --token-file "$root/$who.token" "$@"
}
# refuses TEXT WHO WORDS…: it ends with 1 and says TEXT.
refuses() {
  local text="$1" status=0
  shift
  ob "$@" >"$root/said" 2>&1 </dev/null || status=$?
  ((status == 1)) || fail "outboard $* ended with $status"
  grep -qF -- "$text" "$root/said" || fail "outboard $* did not say: $text"
  echo "ok: outboard $* is refused"
}

# ── Groups and grants ────────────────────────────────────────────────────────────────────────────

does 'created organisation' site org create acme
for user in ada bob; do does 'created user' site user create "acme/$user"; done
does 'created service account' site service create acme/builds
does 'builds' site service list acme
does 'created volume' site volume create acme/memory --quota-versions 100
does 'created volume' site volume create 'acme/~ada/notes'
does 'created group' site group create acme/reviewers
refuses 'exists already' site group create acme/reviewers
does 'added ada to' site group add acme/reviewers ada
refuses 'there is no user or service account "eve"' site group add acme/reviewers eve
does 'ada' site group list acme
does 'gave grant' site grant give acme/group:reviewers memory:/team:rw
refuses 'has this grant already' site grant give acme/group:reviewers memory:/team:rw
does 'gave grant' site grant give acme/ada '~@/*:rw'
refuses 'names no volumes' site grant give acme/ada 'Not A Name:rw'
refuses 'there is no volume' site grant give acme/ada nothing:ro
refuses 'settings are a whole volume' site grant give acme/ada memory:/team:manage
refuses 'say one thing' site grant give acme/ada
does 'group:reviewers' site grant list acme
does 'bound' site token mint acme/ada --to-file "$root/ada.token"
id="$(ob site token list acme --json | /usr/bin/python3 -c 'import json, sys
print(json.load(sys.stdin)[-1]["id"])')"
does 'admin' site token mint acme/bob --admin --grant 'acme/*:rw' --to-file "$root/bob.token"

# ── A part of a volume ───────────────────────────────────────────────────────────────────────────

export OUTBOARD_ORG=acme
does 'version 1' bob memory put team/plan.md - <<<'ours'
does 'version 1' bob memory put secret/plan.md - <<<'theirs'
does 'plan.md' ada memory ls team
[[ $(ob ada memory ls) != *secret* ]] || fail "a hidden name was listed"
refuses 'there is no' ada memory cat secret/plan.md
does 'version 2' ada memory put team/plan.md - <<<'ours, again'
refuses 'there is no' ada memory put secret/mine.md - </dev/null
does 'version 1' ada memory put diary.md - --volume 'acme/~ada/notes' <<<'dear diary'
[[ $(ob ada log) != *secret* ]] || fail "a hidden change was told"
refuses "an administrator's token" ada group list acme

# ── Renewed, narrowed, withdrawn ─────────────────────────────────────────────────────────────────

does "renewed token $id" site token renew "$id" --life 2h
refuses 'there is no token' ada token renew "$id"
does 'acme/memory:/team:ro' ada token mint acme/ada --grant acme/memory:/team:ro --to-file "$root/child.token"
refuses 'cannot give more than it has' ada token mint acme/ada --grant acme/memory:rw
refuses 'mints for ada only' ada token mint acme/bob --grant acme/memory:/team:ro
does 'plan.md' child memory ls team
grant="$(ob site grant list acme --json | /usr/bin/python3 -c 'import json, sys
print(next(g["id"] for g in json.load(sys.stdin) if g["to_group"]))')"
does "withdrew grant $grant" bob grant withdraw "$grant"
refuses "there is no grant $grant" bob grant withdraw "$grant"
hidden() { ! ob "$1" memory ls team >"$root/said" 2>&1; }
for who in ada child; do
  until hidden "$who"; do ((SECONDS < 170)) || fail "a withdrawn grant works on for $who"; done
done
echo 'ok: a withdrawn grant is refused'

# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────

does 'exported' bob export acme/ada --to "$root/ada"
tar -xOf "$root/ada/notes.tar" diary.md | grep -qx 'dear diary' || fail "the export lacks a file"
grep -q '"path":"/team/plan.md"' "$root/ada/log.jsonl" || fail "the export lacks a change"
refuses 'File exists' bob export acme/ada --to "$root/ada"
refuses 'says not what becomes' bob user remove acme/ada --volumes burn
refuses '--to names the user' bob user remove acme/ada --volumes hand-over
does 'acme/~bob/from-ada/notes' bob user remove acme/ada --volumes hand-over --to bob
refuses 'outboard token mint' ada memory ls
[[ $(ob bob memory cat diary.md --volume 'acme/~bob/from-ada/notes') == 'dear diary' ]] ||
  fail "what was handed over is not there"
refuses "site's administrator" bob org remove acme
does 'Nothing has been done' site org remove acme
code="$(sed -n 's/.*--code //p' "$root/said")"
refuses 'this is not the code' site org remove acme --code wrong
does 'removed organisation' site org remove acme --code "$code"
does 'No organisation yet' site org list
