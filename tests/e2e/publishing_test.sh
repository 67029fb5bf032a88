#!/usr/bin/env bash
# Publishing on a real server: a volume's rules refuse broken skills and secrets, editors submit and
# review revisions, readers see nothing but what is published, and a rollback publishes what was.
set -euo pipefail
# shellcheck source=tests/e2e/site.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/site.sh"

# ── Founding ─────────────────────────────────────────────────────────────────────────────────────

does 'created organisation acme' org create acme
for name in ada bob rita; do does 'created user' user create "acme/$name"; done
does 'created volume acme/skills' volume create acme/skills --secret-scan warn
does 'created volume acme/memory' volume create acme/memory --secret-scan refuse --ignore '*.tmp'
does 'direct' volume list acme
refuses 1 'write off, warn or refuse' volume set acme/memory --skill-lint maybe
refuses 1 'is longer than a name' volume set acme/memory --ignore "$(printf 'x%.0s' {1..300})"
for name in ada bob; do
  does 'acme/*:rw' token mint "acme/$name" --admin --grant 'acme/*:rw' --to-file "$root/$name"
done
does 'acme/skills:ro' token mint acme/rita --grant acme/skills:ro --to-file "$root/rita"
does 'acme/skills' token mint acme/rita --grant acme/skills:/drafts:rw --to-file "$root/part"
as() { export OUTBOARD_TOKEN_FILE="$root/$1" OUTBOARD_ORG=acme; }

# ── What may be written ──────────────────────────────────────────────────────────────────────────

as ada
does '3 skills, all in order' skills lint "$source/examples/skills"
does 'pushed 3 of 3 skills' skills push "$source/examples/skills"
does '3 skills, all in order' skills lint
status=0
echo 'no header' | ob memory put greet/SKILL.md --volume acme/skills >"$root/said" 2>&1 || status=$?
((status == 1)) || fail "a broken skill was stored"
grep -qF '/greet/SKILL.md:1: there is no header' "$root/said" || fail "the rule was not said"
token="gh""p_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
status=0
echo "the token is $token" | ob memory put notes.md >"$root/said" 2>&1 || status=$?
((status == 1)) || fail "a secret was stored"
grep -qF 'line 1 of /notes.md holds what looks like a GitHub token' "$root/said" || fail "not said"
grep -qF "$token" "$root/said" && fail "the secret was repeated"
echo "the token is $token" | ob memory put x/notes.md --volume acme/skills >"$root/said" 2>&1
grep -qF 'warning: line 1 of /x/notes.md' "$root/said" || fail "no warning"
does '(warned)' log --volume acme/skills --limit 1

# ── Drafts, reviews, revisions ───────────────────────────────────────────────────────────────────

does 'changed volume' volume set acme/skills --mode reviewed --second-reviewer
does 'reviewed, nothing published' volume list acme
as rita
does 'release-notes' skills list
as ada
cp -r "$source/examples/skills" "$root/edited"
printf '\nOne line more.\n' >>"$root/edited/release-notes/SKILL.md"
rm -r "$root/edited/incident-review"
does '- incident-review' skills push "$root/edited" --delete
does '+One line more.' skills diff
does 'M /release-notes/SKILL.md' skills diff --names
does 'D /incident-review/SKILL.md' skills diff published head --names
does '"what": "D"' skills diff --json
refuses 1 'somebody else has approved' skills publish
does 'submitted revision 1 (tidy)' skills submit --name tidy -m 'one line more'
refuses 1 'ask somebody else to review it' skills review 1 --approve
refuses 2 '--approve' skills review 1
as rita
does 'incident-review' skills list
refuses 1 'may read acme/skills but not publish it' skills publish 1
does 'No revision' skills revisions
as part
refuses 1 'a revision is all of it' skills publish 1
refuses 1 'a revision is all of it' skills review 1 --approve
does 'No revision' skills revisions
as bob
does 'in review' skills revisions
does 'approved revision 1 (tidy)' skills review 1 --approve --remark 'good'
does 'published revision 1 (tidy)' skills publish 1
does 'reviewed, revision 1' volume list acme
as rita
ob skills list >"$root/said"
grep -q incident-review "$root/said" && fail "a reader sees what is gone"
does 'readers see it' skills revisions

# ── Pins and the way back ────────────────────────────────────────────────────────────────────────

as ada
ob token mint acme/rita --grant acme/skills:ro --to-file "$root/pinned" --json >"$root/said" 2>&1
id="$(sed -n 's/.*"id": *\([0-9]*\).*/\1/p' "$root/said" | head -1)"
does 'it sees that tree for its life' skills pin tidy --token "$id"
does 'changed volume' volume set acme/skills --no-second-reviewer
does '+ incident-review' skills push "$source/examples/skills"
does 'published revision 2' skills publish -m 'bring it back'
does '+++ /incident-review/SKILL.md@' skills diff 1 2
does 'A /incident-review/SKILL.md' skills diff 1 2 --names
as pinned
ob skills list >"$root/said"
grep -q incident-review "$root/said" && fail "a pinned token sees another revision"
as rita
does 'incident-review' skills list
as ada
refuses 1 'readers never go back' skills publish 1
does 'would change' skills rollback tidy --dry-run
does 'rolled back: revision 3 has the tree of tidy' skills rollback tidy
ob skills diff tidy published >"$root/said"
[[ -s $root/said ]] && fail "the rollback left differences"
as rita
ob skills list >"$root/said"
grep -q incident-review "$root/said" && fail "the rollback did not reach a reader"
echo "ok: all of it"
