#!/usr/bin/env bash
# Points at statements in SQL migrations that lock, rewrite or lose. Exit code 1: it found some.
set -euo pipefail

if (($# == 0)); then
  echo "scan: no file given: scan.sh migrations/*.sql" >&2
  exit 2
fi

found=0

# look PATTERN ADVICE: each line that matches and is no comment.
look() {
  local line
  while IFS= read -r line; do
    printf '%s\n    %s\n' "$line" "$2"
    found=1
  done < <(grep -inHE -- "$1" "${files[@]}" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*--' || true)
}

files=("$@")
for file in "${files[@]}"; do
  if [[ ! -r $file ]]; then
    echo "scan: cannot read $file: give files that exist" >&2
    exit 2
  fi
done

look 'create (unique )?index ([^c]|c[^o])' 'locks out writes while it builds: CREATE INDEX CONCURRENTLY'
look 'drop index ([^c]|c[^o])' 'takes ACCESS EXCLUSIVE: DROP INDEX CONCURRENTLY'
look 'set not null' 'scans the whole table under ACCESS EXCLUSIVE: validate a CHECK first'
look '(alter column .* type|set data type)' 'rewrites the table, mostly: add a new column instead'
look '(foreign key|references) ' 'locks both tables while it checks: add NOT VALID, then VALIDATE'
look 'rename (column|to)' 'breaks the code that runs now: add, write both, switch, drop'
look 'drop (column|table)' 'no way back: is it unread in every running version, and backed up?'
look 'add column .* default .*(random|clock_timestamp|uuid)' 'a volatile default rewrites the table'
look '^[[:space:]]*(update|delete) ' 'a backfill in a migration holds its locks to the end: batches'
look 'vacuum full|cluster |lock table' 'shuts everybody out for as long as it takes'

for file in "${files[@]}"; do
  if grep -qiE 'alter table|drop ' "$file" && ! grep -qi 'lock_timeout' "$file"; then
    printf "%s\n    no lock_timeout: SET lock_timeout = '2s' at its top, and try again when it fails\n" "$file"
    found=1
  fi
done

((found == 0)) && echo "nothing found; the questions in SKILL.md remain"
exit "$found"
