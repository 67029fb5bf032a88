#!/usr/bin/python3
"""The programs of everyday work in a view that may be written, on a real server with two mounts: git, SQLite, make, gcc,
rsync, tar, editors, venv, search, inotify, running programs, maps. What one mount has done, the other shows after a barrier."""

import contextlib
import errno
import mmap
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

PYTHON = "/usr/bin/python3"
VIM = "vim.tiny"
site = None


def setUpModule():
    global site
    site = Deployment.of_module("work")
    site.a = site.add_mount("a", "ada", ["work"])
    site.b = site.add_mount("b", "bob", ["work"])


def put(path, text, mode=None):
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    if mode is not None:
        os.chmod(path, mode)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def environment():
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Ada"), ("EMAIL", "ada@acme.test"))}
    return {**kept, **who, "HOME": site.root, "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}


def attempt(*words, cwd=None, text=None):
    return subprocess.run(words, cwd=cwd, input=text, capture_output=True, text=True, check=False,
                          env=environment(), timeout=60)


def run(*words, cwd=None, text=None):
    """What it printed; it succeeds."""
    done = attempt(*words, cwd=cwd, text=text)
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def plant(root):
    """A tree with all that a tree can hold: sizes around pages and chunks, links, times, empty things, odd names."""
    for folder in ("src/deep/deeper", "empty", "bin", "names"):
        os.makedirs(os.path.join(root, folder))
    for number, size in enumerate((0, 1, 1023, 4095, 4096, 4097, 65536, 262145, 1_500_000)):
        unit = f"{number}:{size}\n".encode()
        put(os.path.join(root, "src", f"size-{size}"), (unit * (size // len(unit) + 1))[:size])
    for number in range(30):
        put(os.path.join(root, "src/deep", f"note-{number:02d}.txt"), f"note {number}\nneedle {number % 7}\n")
    put(os.path.join(root, "bin/tool"), "#!/bin/sh\necho tool\n", 0o755)
    put(os.path.join(root, "names", "Zwölf Boxkämpfer \u65e5\u672c.txt"), "unicode")
    put(os.path.join(root, "names", "n" * 255), "longest")
    put(os.path.join(root, "names", "line\nbreak and 'quotes\""), "odd")
    os.symlink("../src/size-1", os.path.join(root, "bin/link"))
    os.symlink("nowhere", os.path.join(root, "bin/dangling"))
    os.link(os.path.join(root, "src/size-4097"), os.path.join(root, "src/deep/deeper/hard"))
    with open(os.path.join(root, "src/sparse"), "wb") as file:
        file.seek(700_000)
        file.write(b"end")
    for folder, folders, files in os.walk(root, topdown=False):
        for place, name in enumerate(sorted(files + folders)):
            at = 1_600_000_000_123_456_789 + place * 1_000_000_007
            os.utime(os.path.join(folder, name), ns=(at, at), follow_symlinks=False)


def shape(root):
    """Path → what stands there, to the nanosecond; of regular files with content."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            said = [stat.S_IFMT(seen.st_mode), seen.st_mtime_ns]
            if stat.S_ISLNK(seen.st_mode):
                said.append(os.readlink(path))
            elif stat.S_ISREG(seen.st_mode):
                said += [stat.S_IMODE(seen.st_mode), seen.st_nlink, get(path)]
            else:
                said += [stat.S_IMODE(seen.st_mode), seen.st_nlink]
            found[os.path.relpath(path, root)] = said
    return found


class ProgramsCase(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        signal.alarm(100)
        self.addCleanup(signal.alarm, 0)
        start = time.monotonic()
        self.addCleanup(lambda: print(f"  {time.monotonic() - start:.1f} s", flush=True))
        self.name = self._testMethodName.split("_", 2)[2]
        os.mkdir(self.a())
        self.meet()

    def a(self, *names):
        return site.a.at("work", self.name, *names)

    def b(self, *names):
        return site.b.at("work", self.name, *names)

    def meet(self):
        site.meet("work", site.a, site.b)

    def on_disk(self):
        folder = os.path.join(site.root, "disk-" + self.name)
        os.mkdir(folder)
        self.addCleanup(shutil.rmtree, folder)
        return folder


class Git(ProgramsCase):
    def make_origin(self, origin):
        run("git", "init", "-q", "-b", "main", origin)
        for number in range(12):
            for name in ("read.me", f"src/{number % 4}/file-{number}.c"):
                os.makedirs(os.path.dirname(os.path.join(origin, name)), exist_ok=True)
                with open(os.path.join(origin, name), "a", encoding="utf-8") as file:
                    file.write(f"line {number}\n" * 40)
            put(os.path.join(origin, "big"), os.urandom(200_000))
            put(os.path.join(origin, "run"), "#!/bin/sh\n", 0o755)
            run("git", "add", "-A", cwd=origin)
            run("git", "commit", "-qm", f"change {number}", cwd=origin)
        return run("git", "rev-parse", "HEAD", cwd=origin).strip()

    def clean(self, where, commit):
        self.assertEqual(run("git", "status", "--porcelain", cwd=where), "")
        self.assertEqual(run("git", "rev-parse", "HEAD", cwd=where).strip(), commit)
        said = attempt("git", "fsck", "--full", "--strict", "--no-dangling", cwd=where)
        self.assertEqual((said.returncode, said.stdout), (0, ""), said.stderr)

    def test_S10_git_clones_commits_merges_and_collects(self):
        origin = os.path.join(self.on_disk(), "origin")
        first = self.make_origin(origin)
        clone = self.a("clone")
        run("git", "clone", "-q", "--no-local", origin, clone)
        self.clean(clone, first)
        run("git", "checkout", "-qb", "side", cwd=clone)
        put(os.path.join(clone, "side"), "made on a branch\n")
        run("git", "add", "side", cwd=clone)
        run("git", "commit", "-qm", "side", cwd=clone)
        run("git", "checkout", "-q", "main", cwd=clone)
        self.assertFalse(os.path.exists(os.path.join(clone, "side")))
        put(os.path.join(clone, "read.me"), "rewritten\n")
        run("git", "commit", "-qam", "main", cwd=clone)
        run("git", "merge", "-q", "--no-edit", "side", cwd=clone)
        head = run("git", "rev-parse", "HEAD", cwd=clone).strip()
        self.assertEqual(len(run("git", "log", "--format=%P", "-1", cwd=clone).split()), 2)
        run("git", "gc", "-q", "--prune=now", cwd=clone)
        self.assertIn("count: 0\n", run("git", "count-objects", "-v", cwd=clone))
        self.clean(clone, head)

        self.meet()
        there = self.b("clone")
        self.clean(there, head)
        self.assertEqual(get(os.path.join(there, "side")), b"made on a branch\n")
        os.remove(os.path.join(there, "side"))
        run("git", "mv", "run", "walk", cwd=there)
        run("git", "commit", "-qam", "from the other mount", cwd=there)
        run("git", "push", "-q", "origin", "HEAD:pushed", cwd=there)
        after = run("git", "rev-parse", "HEAD", cwd=there).strip()
        self.meet()
        self.clean(clone, after)
        self.assertEqual(run("git", "rev-parse", "pushed", cwd=origin).strip(), after)
        self.assertEqual(run("git", "rev-list", "--count", "HEAD", cwd=clone).strip(), "16")

    def test_S10_git_init_worktree_and_stash(self):
        home = self.a("made")
        run("git", "init", "-q", "-b", "main", home)
        put(os.path.join(home, "f"), "one\n")
        run("git", "add", "f", cwd=home)
        run("git", "commit", "-qm", "one", cwd=home)
        put(os.path.join(home, "f"), "two\n")
        run("git", "stash", "-q", cwd=home)
        self.assertEqual(get(os.path.join(home, "f")), b"one\n")
        run("git", "stash", "pop", "-q", cwd=home)
        self.assertEqual(run("git", "status", "--porcelain", cwd=home), " M f\n")
        run("git", "worktree", "add", "-q", self.a("tree"), cwd=home)
        self.assertEqual(get(self.a("tree", "f")), b"one\n")
        self.meet()
        self.assertEqual(run("git", "status", "--porcelain", cwd=self.b("made")), " M f\n")


class Databases(ProgramsCase):
    def test_S54_sqlite_with_a_rollback_journal_in_two_mounts(self):
        here = sqlite3.connect(self.a("base"), timeout=0, isolation_level=None)
        here.executescript("PRAGMA journal_mode=DELETE; CREATE TABLE t (k INTEGER PRIMARY KEY, v)")
        self.meet()
        there = sqlite3.connect(self.b("base"), timeout=0, isolation_level=None)
        self.addCleanup(there.close)
        self.addCleanup(here.close)
        here.execute("BEGIN IMMEDIATE")
        here.executemany("INSERT INTO t (v) VALUES (randomblob(?))", [(size,) for size in range(500)])
        with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
            there.execute("BEGIN IMMEDIATE")
        self.assertEqual(there.execute("SELECT count(*) FROM t").fetchone(), (0,))
        here.execute("COMMIT")
        self.assertEqual(there.execute("SELECT count(*) FROM t").fetchone(), (500,))
        there.execute("BEGIN IMMEDIATE")
        there.execute("DELETE FROM t WHERE k % 2")
        there.execute("ROLLBACK")
        there.execute("DELETE FROM t WHERE k > 400")
        self.assertEqual(here.execute("SELECT count(*) FROM t").fetchone(), (400,))
        here.execute("VACUUM")
        for base in (here, there):
            self.assertEqual(base.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(sorted(os.listdir(self.a())), ["base"])

    def test_S10_sqlite_with_a_write_ahead_log_in_one_mount(self):
        base = sqlite3.connect(self.a("base"), isolation_level=None)
        self.assertEqual(base.execute("PRAGMA journal_mode=WAL").fetchone(), ("wal",))
        base.execute("CREATE TABLE t (who, n)")
        work = ("import sqlite3, sys\n"
                "base = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n"
                "for n in range(40): base.execute('INSERT INTO t VALUES (?, ?)', (sys.argv[2], n))\n")
        base.execute("BEGIN")  # a reader's snapshot, which writers do not disturb
        self.assertEqual(base.execute("SELECT count(*) FROM t").fetchone(), (0,))
        workers = [subprocess.Popen([PYTHON, "-c", work, self.a("base"), str(who)]) for who in range(3)]
        self.assertEqual([worker.wait(60) for worker in workers], [0] * 3)
        self.assertEqual(base.execute("SELECT count(*) FROM t").fetchone(), (0,))
        base.execute("COMMIT")
        self.assertEqual(base.execute("SELECT who, count(DISTINCT n) FROM t GROUP BY who ORDER BY who").fetchall(),
                         [(str(who), 40) for who in range(3)])
        self.assertIn("base-wal", os.listdir(self.a()))
        self.assertEqual(base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        base.close()
        self.assertEqual(os.listdir(self.a()), ["base"])
        self.meet()
        with contextlib.closing(sqlite3.connect(self.b("base"))) as there:
            there.execute("PRAGMA locking_mode=EXCLUSIVE")  # without shared memory: alone in its mount
            self.assertEqual(there.execute("SELECT count(*) FROM t").fetchone(), (120,))
            self.assertEqual(there.execute("PRAGMA integrity_check").fetchall(), [("ok",)])


MAKEFILE = """
CFLAGS = -O1 -Wall
objects = main.o greet.o count.o
hello: $(objects)
\t$(CC) -o $@ $^
main.o greet.o: greet.h
count.o: count.h
main.o: count.h
clean:
\trm -f hello $(objects)
"""
SOURCES = {
    "Makefile": MAKEFILE,
    "greet.h": "const char *greet(void);\n",
    "count.h": "int count(void);\n",
    "greet.c": '#include "greet.h"\nconst char *greet(void) { return "hello"; }\n',
    "count.c": '#include "count.h"\nint count(void) { return 3; }\n',
    "main.c": '#include <stdio.h>\n#include "greet.h"\n#include "count.h"\n'
              'int main(void) { printf("%s %d\\n", greet(), count()); return 0; }\n',
}


class Building(ProgramsCase):
    def compiled(self, said):
        return sorted(word for line in said.splitlines() if " -c " in line for word in line.split()
                      if word.endswith(".o"))

    def test_S10_make_builds_and_rebuilds_only_what_changed(self):
        for name, text in SOURCES.items():
            put(self.a(name), text)
        said = run("make", cwd=self.a())
        self.assertEqual(self.compiled(said), ["count.o", "greet.o", "main.o"])
        self.assertEqual(run(self.a("hello")), "hello 3\n")
        self.assertEqual(attempt("make", "-q", cwd=self.a()).returncode, 0)
        put(self.a("count.c"), SOURCES["count.c"].replace("3", "4"))
        self.assertEqual(self.compiled(run("make", cwd=self.a())), ["count.o"])
        self.assertEqual(run(self.a("hello")), "hello 4\n")

        # Times travel: the other mount has nothing to do, and then only what was changed there.
        self.meet()
        self.assertEqual(attempt("make", "-q", cwd=self.b()).returncode, 0)
        self.assertEqual(run(self.b("hello")), "hello 4\n")
        put(self.b("greet.h"), SOURCES["greet.h"] + "/* changed */\n")
        self.assertEqual(self.compiled(run("make", "-j2", cwd=self.b())), ["greet.o", "main.o"])
        self.meet()
        self.assertEqual(attempt("make", "-q", cwd=self.a()).returncode, 0)

        # The same bytes written again are a change to make: what was rebuilt is newer than what it was made from.
        os.utime(self.a("greet.c"))
        self.assertEqual(self.compiled(run("make", cwd=self.a())), ["greet.o"])
        self.assertEqual(attempt("make", "-q", cwd=self.a()).returncode, 0)
        self.meet()
        self.assertEqual(attempt("make", "-q", cwd=self.b()).returncode, 0)
        run("make", "clean", cwd=self.a())
        self.meet()
        self.assertEqual(sorted(os.listdir(self.b())), sorted(SOURCES))


class Copying(ProgramsCase):
    def differences(self, source, target):
        return run("rsync", "-aHn", "--checksum", "--delete", "--itemize-changes", source + "/", target + "/")

    def test_S10_rsync_copies_both_ways_and_finds_nothing_left(self):
        disk = self.on_disk()
        source, back = os.path.join(disk, "source"), os.path.join(disk, "back")
        os.mkdir(source)
        plant(source)
        run("rsync", "-aH", source + "/", self.a("copy") + "/")
        self.assertEqual(self.differences(source, self.a("copy")), "")
        self.meet()
        self.assertEqual(self.differences(source, self.b("copy")), "")
        run("rsync", "-aH", self.b("copy") + "/", back + "/")
        self.assertEqual(self.differences(self.b("copy"), back), "")
        self.assertEqual(shape(back), shape(source))

        put(os.path.join(source, "src/deep/note-03.txt"), "changed\n")
        os.remove(os.path.join(source, "names", "n" * 255))
        with open(os.path.join(source, "src/size-1500000"), "r+b") as file:
            file.seek(800_000)
            file.write(b"in the middle")
        said = run("rsync", "-aH", "--delete", "--inplace", "--no-whole-file", "--out-format=%i %n",
                   source + "/", self.b("copy") + "/")
        sent = [line.split(" ", 1)[1] for line in said.splitlines() if line.startswith(">f")]
        self.assertEqual(sorted(sent), ["src/deep/note-03.txt", "src/size-1500000"])
        self.meet()
        self.assertEqual(self.differences(source, self.a("copy")), "")
        self.assertEqual(self.differences(self.a("copy"), self.b("copy")), "")

    def test_S10_tar_there_and_back(self):
        source = self.a("source")
        os.mkdir(source)
        plant(source)
        run("tar", "-C", source, "--format=posix", "-czf", self.a("all.tgz"), ".")
        os.mkdir(self.a("out"))
        run("tar", "-C", self.a("out"), "-xpzf", self.a("all.tgz"))
        self.assertEqual(shape(self.a("out")), shape(source))
        self.meet()
        self.assertEqual(run("tar", "-C", self.b("out"), "-dzf", self.b("all.tgz")), "")
        self.assertEqual(shape(self.b("out")), shape(source))
        shutil.rmtree(self.b("out"))
        self.meet()
        self.assertEqual(sorted(os.listdir(self.a())), ["all.tgz", "source"])


class Editing(ProgramsCase):
    def seen(self, name, text):
        self.assertEqual(get(self.a(name)).decode(), text)
        self.meet()
        self.assertEqual(get(self.b(name)).decode(), text)

    def vim(self, file, *commands):
        words = [word for command in commands for word in ("-c", command)]
        # Vim keeps no backups of what lies in /tmp, unless it is told to.
        run(VIM, "-u", "NONE", "-N", "-es", "-c", "set backupskip=", *words, "-c", "wq", file, text="")

    def test_S10_vim_saves_in_place_and_by_rename(self):
        put(self.a("text"), "one\ntwo\n", 0o755)
        self.meet()
        with open(self.b("text"), "rb") as opened:
            for manner, keeps in (("yes", True), ("no", False)):
                with self.subTest(backupcopy=manner):
                    before = os.stat(self.a("text")).st_ino
                    self.vim(self.a("text"), f"set backupcopy={manner} writebackup nobackup swapfile",
                             f"%s/^/{manner} /")
                    after = os.stat(self.a("text"))
                    self.assertEqual(after.st_ino == before, keeps)
                    self.assertEqual(stat.S_IMODE(after.st_mode), 0o755)
                    self.meet()
            self.assertEqual(opened.read(), b"one\ntwo\n")
        self.seen("text", "no yes one\nno yes two\n")
        self.vim(self.b("text"), "set backup backupext=.old", "1d")
        self.meet()
        self.assertEqual(sorted(os.listdir(self.a())), ["text", "text.old"])
        self.seen("text.old", "no yes one\nno yes two\n")
        self.seen("text", "no yes two\n")

    def test_S10_sed_saves_by_rename_with_and_without_a_backup(self):
        put(self.a("text"), "one\ntwo\n", 0o755)
        run("sed", "-i", "s/one/1/", self.a("text"))
        self.seen("text", "1\ntwo\n")
        run("sed", "-i.bak", "s/two/2/", self.a("text"))
        self.seen("text.bak", "1\ntwo\n")
        self.seen("text", "1\n2\n")
        run("sed", "-i", "s/2/zwei/", self.b("text"))
        self.meet()
        self.seen("text", "1\nzwei\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.a("text")).st_mode), 0o755)
        self.assertEqual(sorted(os.listdir(self.a())), ["text", "text.bak"])

    def test_S1_saving_by_hand_as_editors_do(self):
        put(self.a("text"), "0\n")
        with open(self.a("text"), "r+b") as file:  # truncate, write, fsync
            file.truncate(0)
            file.write(b"in place\n")
            file.flush()
            os.fsync(file.fileno())
            self.seen("text", "in place\n")
        os.link(self.a("text"), self.a("text~"))   # a linked backup, then a new file over the name
        put(self.a(".text.tmp"), "by rename\n")
        os.rename(self.a(".text.tmp"), self.a("text"))
        self.seen("text", "by rename\n")
        self.seen("text~", "in place\n")
        os.rename(self.a("text"), self.a("text~"))  # the old one moved aside, then made anew
        put(self.a("text"), "made anew\n")
        self.seen("text~", "by rename\n")
        self.seen("text", "made anew\n")


class Running(ProgramsCase):
    def test_S10_a_venv_is_made_and_run(self):
        run(PYTHON, "-m", "venv", "--without-pip", self.a("venv"))
        for name, prefix in (("here", self.a("venv")), ("there", self.b("venv"))):
            self.meet()
            python = os.path.join(prefix, "bin/python")
            said = run(python, "-c", "import sys, sysconfig; print(sys.prefix); "
                       "print(sysconfig.get_path('purelib'))").splitlines()
            self.assertEqual(said[0], prefix)
            package = os.path.join(said[1], name)
            os.mkdir(package)
            put(os.path.join(package, "__init__.py"), f"WHERE = {prefix!r}\n" * 100)
            self.assertEqual(run(python, "-c", f"import {name}; print({name}.WHERE)"), prefix + "\n")
            kept = os.listdir(os.path.join(package, "__pycache__"))
            self.assertEqual(len(kept), 1, kept)
        self.meet()
        self.assertEqual(run(self.a("venv/bin/python"), "-c", "import there; print(there.WHERE)"),
                         self.b("venv") + "\n")

    def test_S10_scripts_and_binaries_run_from_the_mount(self):
        put(self.a("script"), "#!/bin/sh\necho \"$0 says $1\"\n", 0o755)
        shutil.copy("/bin/sleep", self.a("binary"))
        self.meet()
        for place in (self.a, self.b):
            self.assertEqual(run(place("script"), "hi"), f"{place('script')} says hi\n")
            self.assertEqual(run(place("binary"), "0"), "")
        os.chmod(self.b("script"), 0o644)
        self.meet()
        with self.assertRaises(PermissionError):
            run(self.a("script"), "no")

        # What runs cannot be written here, and is replaced by a rename: the old program goes on.
        running = subprocess.Popen([self.a("binary"), "60"])
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        self.assertEqual(os.readlink(f"/proc/{running.pid}/exe"), self.a("binary"))
        with self.assertRaises(OSError) as caught:
            os.open(self.a("binary"), os.O_WRONLY)
        self.assertEqual(caught.exception.errno, errno.ETXTBSY)
        shutil.copy("/bin/echo", self.b("new"))
        os.rename(self.b("new"), self.b("binary"))
        self.meet()
        self.assertEqual(run(self.a("binary"), "replaced"), "replaced\n")
        self.assertIsNone(running.poll())

    def test_S1_maps_share_keep_and_publish(self):
        put(self.a("map"), b"." * 10_000)
        fd = os.open(self.a("map"), os.O_RDWR)
        self.addCleanup(os.close, fd)
        shared = mmap.mmap(fd, 10_000)
        private = mmap.mmap(fd, 10_000, flags=mmap.MAP_PRIVATE)
        shared[4090:4102] = b"over a border"[:12]
        self.assertEqual(os.pread(fd, 12, 4090), b"over a borde")
        private[0:4] = b"mine"
        other = ("import mmap, os, sys\nfd = os.open(sys.argv[1], os.O_RDWR)\nseen = mmap.mmap(fd, 10_000)\n"
                 "assert seen[4090:4102] == b'over a borde'\nseen[0:6] = b'theirs'\n")
        run(PYTHON, "-c", other, self.a("map"))
        self.assertEqual(shared[0:6], b"theirs")
        self.assertEqual(private[0:4], b"mine")
        shared.flush()
        self.meet()
        wanted = b"theirs" + b"." * 4084 + b"over a borde" + b"." * 5898
        self.assertEqual(get(self.b("map")), wanted)
        put(self.b("map"), "short")
        self.meet()
        self.assertEqual(shared[:], wanted)  # longer than the file is by now, and no SIGBUS
        self.assertEqual(get(self.a("map")), b"short")
        private.close()
        shared.close()


class Searching(ProgramsCase):
    def found(self, place):
        """What the programs find below it, in their own words."""
        searches = (("rg", "--sort=path", "-l", "needle 3"), ("rg", "--sort=path", "-c", "note"),
                    ("grep", "-rl", "needle 5", "."), ("find", ".", "-type", "f", "-size", "+64k"),
                    ("find", ".", "-type", "l"), ("find", ".", "-empty"), ("find", ".", "-links", "2", "-type", "f"),
                    ("find", ".", "-perm", "-100", "-type", "f"), ("find", ".", "-newermt", "2020-09-13 12:26:50Z"))
        return {words: sorted(run(*words, cwd=place).splitlines()) for words in searches}

    def test_S5_rg_grep_and_find_find_what_they_find_on_disk(self):
        disk = self.on_disk()
        plant(disk)
        run("rsync", "-aH", disk + "/", self.a() + "/")
        self.meet()
        wanted = self.found(disk)
        self.assertGreater(min(len(lines) for lines in wanted.values()), 0, wanted)
        self.assertEqual(self.found(self.a()), wanted)
        self.assertEqual(self.found(self.b()), wanted)
        for place in (disk, self.a()):
            put(os.path.join(place, "src/deep/note-00.txt"), "needle 3\n")
            os.rename(os.path.join(place, "src/deep/deeper"), os.path.join(place, "moved"))
            os.remove(os.path.join(place, "bin/dangling"))
            os.utime(os.path.join(place, "src/deep/note-00.txt"), (1_700_000_000, 1_700_000_000))
        wanted = self.found(disk)
        self.meet()
        self.assertEqual(self.found(self.b()), wanted)
        self.assertEqual(self.found(self.a()), wanted)


class Watching(ProgramsCase):
    def test_S10_inotify_tells_of_local_changes(self):
        watcher = subprocess.Popen(["inotifywait", "-m", "--format", "%e %f", self.a()], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (watcher.kill(), watcher.communicate()))
        while "Watches established" not in watcher.stderr.readline():
            self.assertIsNone(watcher.poll())
        put(self.a("f"), "text")
        os.chmod(self.a("f"), 0o755)
        os.rename(self.a("f"), self.a("g"))
        os.mkdir(self.a("d"))
        os.remove(self.a("g"))
        heard = []
        while not heard or heard[-1] != "DELETE g":
            heard.append(watcher.stdout.readline().strip())
        wanted = ["CREATE f", "OPEN f", "MODIFY f", "CLOSE_WRITE,CLOSE f", "ATTRIB f", "MOVED_FROM f", "MOVED_TO g",
                  "CREATE,ISDIR d", "DELETE g"]
        self.assertEqual(heard, wanted)


if __name__ == "__main__":
    unittest.main(verbosity=2)
