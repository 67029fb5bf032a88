#!/usr/bin/env bash
# The command line on a real server: an organisation is founded, skills go there and come back the
# same, memory is written under conditions, mistakes are refused in words, and a client in Python
# that knows only the protos reads, writes and watches along.
set -euo pipefail
# shellcheck source=tests/e2e/site.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/site.sh"
same() { diff -r "$1" "$2" || fail "$1 and $2 differ"; }

# ── Founding ─────────────────────────────────────────────────────────────────────────────────────

does 'No organisation yet' org list
does 'created organisation acme' org create acme
refuses 1 'error:' org create acme
refuses 1 'error:' org create 'Not A Slug'
does 'created user acme/ada' user create acme/ada
does 'created volume acme/skills' volume create acme/skills
does 'created volume acme/memory' volume create acme/memory --quota-bytes 64MiB
does '64 MiB' volume list
does 'changed volume acme/memory' volume set acme/memory --policy refuse
does 'refuse' volume list acme
does 'acme/skills:ro' token mint acme/ada --grant acme/skills:ro --grant acme/memory:rw \
  --to-file "$root/ada.token"
[[ $(stat -c %a "$root/ada.token") == 600 ]] || fail "a token file that others may read"
does 'admin' token mint acme/ada --admin --grant 'acme/*:rw' --life 1h --to-file "$root/admin.token"
refuses 1 'is no grant' token mint acme/ada --grant acme/skills
refuses 1 'out of range' token mint acme/ada --admin --life 400d
does 'ada' token list

# ── Skills ───────────────────────────────────────────────────────────────────────────────────────

export OUTBOARD_TOKEN_FILE="$root/admin.token"
does 'would push 3 of 3 skills' skills push "$source/examples/skills" --dry-run
does 'No skill in acme/skills yet' skills list
does 'pushed 3 of 3 skills' skills push "$source/examples/skills"
does 'pushed 0 of 3 skills' skills push "$source/examples/skills"
does 'release-notes' skills list
does 'pulled' skills pull "$root/back"
same "$source/examples/skills" "$root/back"
[[ -x $root/back/release-notes/scripts/draft.py ]] || fail "an execute bit was lost"
does 'pulled 0 files' skills pull "$root/back"
printf '\nOne line more.\n' >>"$root/back/incident-review/SKILL.md"
ln -s SKILL.md "$root/back/incident-review/link.md"
rm -r "$root/back/sql-migrations-review"
does '~ incident-review' skills push "$root/back"
does 'sql-migrations-review' skills list
does '- sql-migrations-review' skills push "$root/back" --delete
does 'pulled' skills pull "$root/again"
same "$root/back" "$root/again"
[[ -L $root/again/incident-review/link.md ]] || fail "a symlink became something else"
mkdir -p "$root/bad/wrong-name"
printf -- '---\nname: Wrong\ndescription: x\ncolour: red\n---\nbody\n' >"$root/bad/wrong-name/SKILL.md"
refuses 1 'SKILL.md:4: unknown key "colour"' skills push "$root/bad"
mkdir "$root/empty"
refuses 1 'there is no skill in' skills push "$root/empty"
refuses 1 'there is no skill "none"' skills pull "$root/x" none
does 'write' log --volume acme/skills

# ── Memory, as somebody who may not administer ───────────────────────────────────────────────────

export OUTBOARD_TOKEN_FILE="$root/ada.token"
refuses 1 'OUTBOARD_ORG' memory ls
export OUTBOARD_ORG=acme
does 'answers' status
echo 'Deploys are on Tuesdays.' >"$root/deploys.md"
does 'version 1' memory put team/deploys.md "$root/deploys.md" --if-version 0
refuses 1 '/team/deploys.md is at version 1 now' memory put team/deploys.md --if-version 0
does 'version 2' memory put team/deploys.md "$root/deploys.md" --if-version 1
does 'appended' memory put team/deploys.md "$root/deploys.md" --append
[[ $(ob memory cat team/deploys.md | wc -l) == 2 ]] || fail "an append did not add up"
[[ $(ob memory cat team/deploys.md --version 1) == 'Deploys are on Tuesdays.' ]] ||
  fail "version 1 is not what it was"
does 'deploys.md' memory ls team
does 'ada' log team/deploys.md
head -c 3000000 /dev/urandom >"$root/big"
does '2.9 MiB' memory put big.bin "$root/big"
ob memory cat big.bin | cmp - "$root/big" || fail "a big file came back different"
head -c 70000000 /dev/zero >"$root/huge"
refuses 1 'error:' memory put huge.bin "$root/huge"
refuses 1 'error:' memory put ../escape "$root/deploys.md"
refuses 1 'error:' memory cat none.md
refuses 1 'error:' skills push "$source/examples/skills/release-notes" --delete --volume acme/none
echo '---' >>"$root/back/release-notes/SKILL.md"
refuses 1 'error:' skills push "$root/back"
refuses 1 'error:' org create other

# ── The audit ────────────────────────────────────────────────────────────────────────────────────

refuses 1 "error:" memory put SKILL.md "$root/deploys.md" --volume acme/skills
refuses 1 'for administrators' audit verify acme/skills
export OUTBOARD_TOKEN_FILE="$root/admin.token"
does 'as it was written' audit verify acme/skills --contents
seal="$(sed -n 's/^newest seal //p' "$root/said")"
does "newest seal $seal" audit verify acme/skills --expect "$seal"
refuses 1 'another seal' audit verify acme/skills --expect "1:${seal#*:}"
refuses 1 'is no seal' audit verify acme/skills --expect "${seal#*:}"
refused() { ob audit refused acme >"$root/said" && grep -q 'ada .* publish .* /SKILL.md' "$root/said"; }
until refused; do ((SECONDS < 170)) || fail "a refused write is not on record"; done # gathered for 1 s
echo 'ok: a refused write is on record'
read_by_ada() { ob audit reads --volume acme/memory team >"$root/said" && grep -q 'ada .* /team/deploys.md' "$root/said"; }
until read_by_ada; do ((SECONDS < 170)) || fail "a read is not counted"; done
echo 'ok: a read is counted'
export OUTBOARD_TOKEN_FILE="$root/ada.token"

# ── Wrong usage, no server, no token ─────────────────────────────────────────────────────────────

refuses 2 '--help' memory nope
refuses 2 '--help' token revoke seventeen
refuses 3 'check that the server runs' status --server "unix:$root/nobody" --timeout 2s
echo 'ob_nonsense' >"$root/wrong.token"
refuses 1 'outboard token mint' memory ls --token-file "$root/wrong.token"
ob token list --json --token-file "$root/admin.token" >"$root/tokens.json"
id="$(/usr/bin/python3 -c 'import json, sys
print(next(t["id"] for t in json.load(sys.stdin) if "acme/memory:rw" in t["grants"]))' <"$root/tokens.json")"

# ── A stranger ───────────────────────────────────────────────────────────────────────────────────

"$source/examples/client_python/make_stubs" "$root/stubs"
OUTBOARD_STUBS="$root/stubs" OUTBOARD_TOKEN="$(cat "$root/ada.token")" \
  /usr/bin/python3 "$source/examples/client_python/outboard_client.py" >"$root/said" ||
  fail "the client in Python ended with $?"
grep -q 'read: A line from a stranger.' "$root/said" || fail "the client in Python read nothing"
grep -q 'change .* /PYTHON.md by ada' "$root/said" || fail "the client in Python saw no change"
[[ $(ob memory cat PYTHON.md) == 'A line from a stranger.' ]] || fail "its line is not there"
echo 'ok: a client in Python'

# ── Revocation ───────────────────────────────────────────────────────────────────────────────────

OUTBOARD_TOKEN_FILE="$root/admin.token" does "revoked token $id" token revoke "$id"
revoked() { ! ob memory ls >"$root/said" 2>&1; }
until revoked; do ((SECONDS < 170)) || fail "a revoked token works on"; done # trusted for 1 s
grep -qF 'outboard token mint' "$root/said" || fail "a revoked token was refused without a word"
echo 'ok: a revoked token is refused'
