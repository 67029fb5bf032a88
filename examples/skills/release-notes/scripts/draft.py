#!/usr/bin/env python3
"""Drafts release notes: the commits of a range, sorted by what their subjects say."""

import argparse
import re
import subprocess
import sys

GROUPS = ["Breaking changes", "Security", "New", "Changed", "Fixed", "Other"]
KINDS = {"feat": "New", "fix": "Fixed", "perf": "Changed", "revert": "Changed", "security": "Security"}
SILENT = {"chore", "ci", "build", "test", "tests", "style", "refactor", "docs"}
FIRST_WORDS = {
    "add": "New", "introduce": "New", "support": "New", "allow": "New",
    "fix": "Fixed", "correct": "Fixed", "prevent": "Fixed", "avoid": "Fixed",
    "remove": "Changed", "drop": "Changed", "change": "Changed", "rename": "Changed",
    "speed": "Changed", "improve": "Changed",
}
CONVENTIONAL = re.compile(r"^(?P<kind>[a-z]+)(\((?P<scope>[^)]*)\))?(?P<bang>!)?:\s*(?P<text>.+)$")


def git(repo, *arguments):
    done = subprocess.run(["git", "-C", repo, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"draft: git {arguments[0]}: {done.stderr.strip()}", file=sys.stderr)
        sys.exit(2)
    return done.stdout


def last_tag(repo, before):
    done = subprocess.run(["git", "-C", repo, "describe", "--tags", "--abbrev=0", f"{before}^"],
                          capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def commits_of(repo, start, end):
    span = f"{start}..{end}" if start else end
    text = git(repo, "log", "--no-merges", "--format=%h%x1f%s%x1f%b%x1e", span, "--")
    for record in text.split("\x1e"):
        if record.strip():
            yield record.strip("\n").split("\x1f")


def sort_commit(subject, body):
    """The group and the text of a commit; no group: it is left out."""
    match = CONVENTIONAL.match(subject)
    text = match["text"] if match else subject
    if (match and match["bang"]) or "BREAKING CHANGE" in body:
        return "Breaking changes", text
    if re.search(r"\bCVE-\d{4}-\d+\b", subject + body):
        return "Security", text
    if match:
        return (None if match["kind"] in SILENT else KINDS.get(match["kind"], "Other")), text
    return FIRST_WORDS.get(subject.split(" ")[0].lower(), "Other"), text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repo", default=".", help="folder of the clone")
    parser.add_argument("--from", dest="start", help="tag or commit before the first one; default: the last tag")
    parser.add_argument("--to", dest="end", default="HEAD", help="tag or commit of the release")
    parser.add_argument("--version", default="Unreleased", help="what the heading says")
    options = parser.parse_args()

    start = options.start or last_tag(options.repo, options.end)
    groups = {name: [] for name in GROUPS}
    left_out = []
    for commit, subject, body in commits_of(options.repo, start, options.end):
        group, text = sort_commit(subject, body)
        (groups[group] if group else left_out).append(f"- {text[0].upper()}{text[1:]} ({commit})")
    if not left_out and not any(groups.values()):
        print(f"draft: no commit between {start or 'the first one'} and {options.end}: "
              "give another --from", file=sys.stderr)
        return 2

    print(f"## {options.version}\n\n<!-- {start or 'the first commit'} to {options.end} -->")
    for name in GROUPS:
        if groups[name]:
            print(f"\n### {name}\n")
            print("\n".join(groups[name]))
    if left_out:
        print("\n---\n\nLeft out:\n")
        print("\n".join(left_out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
