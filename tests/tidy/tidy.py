#!/usr/bin/python3
"""Taste as a test: walls between rooms, lengths, names, numbered claims.

    tidy.py ROOT     prints each broken rule as FILE:LINE: what, and the way out; exit code 1 if any

Each rule is one function over a Tree; tidy_test.py shows that each of them can fail.
"""

import fnmatch
import os
import re
import sys

FILE_LINES = 600
FUNCTION_LINES = 70
COLUMNS = 100
BANNED = {"util", "utils", "common", "misc", "manager", "managers", "helper", "helpers", "impl",
          "base"}
SKIPPED = {"build", ".git", ".cache", "__pycache__", "node_modules"}
# Of a machine, not of the project. Split, or this line would be one.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:wor" r"k|roo" r"t|hom" r"e/\w+)/")
SLEEPS = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(|^\s*sleep\s+[\d$]")
LATER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|HA" r"CK)\b")
CLAIM = re.compile(r"^\*\*S(\d+)\*\*")
CITED = re.compile(r"(?:^\s*TEST\w*\([^)]*?\bS(\d+)_)|(?:\[S(\d+)\])|(?:\bdef (?:test_)?S(\d+)_)")


class Tree:
    """All text files under a root, read once."""

    def __init__(self, root):
        self.lines = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED)
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or name in SKIPPED:  # .git is a file in a worktree
                    continue
                try:
                    with open(path, encoding="utf-8") as text:
                        self.lines[os.path.relpath(path, root)] = text.read().split("\n")
                except UnicodeDecodeError:
                    continue

    def code(self):
        return {p: l for p, l in self.lines.items() if p.endswith((".h", ".cpp"))}

    def tests(self):
        return {p: l for p, l in self.lines.items()
                if p.endswith(("_test.cpp", "_test.py", "_test.sh")) or p.startswith("tests/")}


def lengths(tree):
    for path, lines in tree.code().items():
        if len(lines) - 1 > FILE_LINES:
            yield f"{path}:{FILE_LINES}: over {FILE_LINES} lines: part it by what it means"
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield f"{path}:{number}: over {COLUMNS} columns: run clang-format"
        yield from function_lengths(path, lines)


def function_lengths(path, lines):
    """clang-format's layout makes this exact: a body ends where its first line is indented."""
    for indent in ("", "  "):
        start = None
        for number, line in enumerate(lines, 1):
            if line == indent + "}":
                if start and number - start + 1 > FUNCTION_LINES:
                    yield f"{path}:{start}: a function over {FUNCTION_LINES} lines: part it"
                start = None
            elif re.match(indent + r"(?:namespace|class|struct|enum|union|extern)\b", line):
                start = None
            elif re.match(indent + r"[\w~:<\[]", line):
                if line.endswith("{") or (not indent and start is None):
                    start = number
                elif line.endswith(";"):
                    start = None


def room_of(path):
    parts = path.split("/")[:-1]
    return "/".join(parts[:2])


def read_walls(lines):
    walls, foreign = {}, []
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        left, right = line.split(":", 1)
        if left.startswith("foreign "):
            _, name, *headers = left.split()
            foreign.append((name, headers, set(right.split())))
        else:
            walls[left.strip()] = set(right.split())
    return walls, foreign


def includes_of(lines):
    for number, line in enumerate(lines, 1):
        found = re.match(r'#include ([<"][^>"]+)', line)
        if found:
            yield number, found.group(1)


def is_free(path):
    return path.startswith(("tests/", "bench/")) or path.endswith("_test.cpp")


def walls(tree):
    allowed, _ = read_walls(tree.lines["tests/tidy/rooms.txt"])
    for path, lines in tree.code().items():
        room = room_of(path)
        if is_free(path) or os.path.basename(path) == "main.cpp":
            continue
        if room not in allowed:
            yield f"{path}:1: the room {room or '/'} is not in tests/tidy/rooms.txt: say what it sees"
            continue
        for number, header in includes_of(lines):
            other = room_of(header[1:])
            if header[0] == "<" or other == room or other not in allowed:
                continue
            if other not in allowed[room]:
                yield f"{path}:{number}: {room} may not include {other}: see tests/tidy/rooms.txt"


def foreign_libraries(tree):
    """A header that reaches a foreign library carries it to all who include it."""
    _, foreign = read_walls(tree.lines["tests/tidy/rooms.txt"])
    code = tree.code()
    includes = {path: list(includes_of(lines)) for path, lines in code.items()}
    for name, headers, rooms in foreign:
        carries = set()
        reached = True
        while reached:
            reached = False
            for path, found in includes.items():
                if path in carries:
                    continue
                for number, header in found:
                    if any(fnmatch.fnmatch(header, h) for h in headers) or header[1:] in carries:
                        carries.add(path)
                        reached = True
                        if room_of(path) not in rooms and not path.startswith(("tests/", "bench/")):
                            yield (f"{path}:{number}: reaches {name} through {header[1:]}: only "
                                   f"{', '.join(sorted(rooms))} may; hide it behind a pimpl")
                        break


def names(tree):
    for path in tree.lines:
        for part in path.split("/"):
            if part.split(".")[0] in BANNED:
                yield f"{path}:1: \"{part}\" says nothing of its meaning: name what it holds"


def claims(tree):
    known = {}
    for number, line in enumerate(tree.lines.get("docs/semantics.md", []), 1):
        if found := CLAIM.match(line):
            known[found.group(1)] = number
    shown = {}
    for path, lines in tree.tests().items():
        if path.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(lines, 1):
            for found in CITED.finditer(line):
                shown.setdefault(next(g for g in found.groups() if g), f"{path}:{number}")
    for claim in sorted(known.keys() - shown.keys(), key=int):
        yield f"docs/semantics.md:{known[claim]}: S{claim} has no test: name one S{claim}_…"
    for claim in sorted(shown.keys() - known.keys(), key=int):
        yield f"{shown[claim]}: S{claim} is no claim of docs/semantics.md: write it down there"


def sleeps(tree):
    for path, lines in tree.tests().items():
        for number, line in enumerate(lines, 1):
            if SLEEPS.search(line) and not path.startswith("tests/tidy/"):
                yield f"{path}:{number}: a test sleeps: time is a Clock, readiness an event"


def loose_ends(tree):
    for path, lines in tree.lines.items():
        for number, line in enumerate(lines, 1):
            if MACHINE_PATHS.search(line):
                yield f"{path}:{number}: a path of one machine: take it from the caller"
            if path.endswith((".h", ".cpp", ".py", ".cmake", ".sql", ".proto")) and LATER.search(line):
                yield f"{path}:{number}: work left for later: do it, or refuse it with a message"


def headers(tree):
    for path, lines in tree.code().items():
        if path.endswith(".h") and "#pragma once" not in lines:
            yield f"{path}:1: no #pragma once"
        if path.endswith(".h") and not lines[0].startswith("// "):
            yield f"{path}:1: a header begins by saying what it is"


RULES = [lengths, walls, foreign_libraries, names, claims, sleeps, loose_ends, headers]


def broken_rules(root):
    tree = Tree(root)
    return [line for rule in RULES for line in rule(tree)]


if __name__ == "__main__":
    found = broken_rules(sys.argv[1])
    print("\n".join(found) if found else "tidy")
    sys.exit(1 if found else 0)
