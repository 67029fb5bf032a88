#!/usr/bin/python3
"""The times of files in mounts: each of the two set, left and taken as now by itself; and what git keeps of them, where a daemon's
clock is wrong."""

import ctypes
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, put  # noqa: E402

NOW, OMIT = (1 << 30) - 1, (1 << 30) - 2  # UTIME_NOW, UTIME_OMIT
AT_FDCWD, AT_SYMLINK_NOFOLLOW = -100, 0x100
LIBC = ctypes.CDLL(None, use_errno=True)
NANOS = 1_000_000_000
OLD = 1_600_000_000_123_456_789
SLACK = 5 * NANOS  # between the clock that is looked at here and the one that sets a time
FILES = 200
site = None


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanos", ctypes.c_long)]


def setUpModule():
    global site
    site = Deployment.of_module("memory")
    site.a = site.add_mount("a", "ada", ["memory"])
    site.b = site.add_mount("b", "bob", ["memory"])


def utimensat(place, accessed, modified):
    """Each is NOW, OMIT or nanoseconds; of a descriptor or of a path, whose last symlink is not followed."""
    times = (Timespec * 2)(*((0, at) if at in (NOW, OMIT) else divmod(at, NANOS) for at in (accessed, modified)))
    if isinstance(place, int):
        number = LIBC.futimens(place, times)
    else:
        number = LIBC.utimensat(AT_FDCWD, os.fsencode(place), times, AT_SYMLINK_NOFOLLOW)
    if number != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def times_of(path):
    seen = os.lstat(path)
    return seen.st_atime_ns, seen.st_mtime_ns


class Utimes(unittest.TestCase):
    def check(self, name, *asked, place=None, settled=True):
        """utimensat() with `asked` sets, leaves and takes as now; both mounts show the same afterwards."""
        path = site.a.at("memory", name)
        before, start = times_of(path), time.time_ns()
        utimensat(path if place is None else place, *asked)
        after, end = times_of(path), time.time_ns()
        for had, has, wanted in zip(before, after, asked):
            if wanted == NOW:
                self.assertTrue(start - SLACK < has < end + SLACK, (name, asked, has))
            else:
                self.assertEqual(has, had if wanted == OMIT else wanted, (name, asked))
        if settled:
            site.meet("memory", site.b)
            self.assertEqual(times_of(site.b.at("memory", name)), after, (name, asked))
        return after

    def test_S10_UtimensatSetsOneOfTheTwoTimesAndLeavesTheOther(self):
        put(site.a.at("memory", "file"), "text")
        os.mkdir(site.a.at("memory", "folder"))
        os.symlink("nowhere", site.a.at("memory", "link"))
        number = 0
        for name in ("file", "folder", "link"):
            for accessed in ("at", OMIT, NOW):
                for modified in ("at", OMIT, NOW):
                    number += 1
                    self.check(name, *(OLD + place * 1000 + number if at == "at" else at
                                       for place, at in enumerate((accessed, modified))))

    def test_S10_ATimeThatIsOmittedStaysAlsoWhileBytesAreUnsaved(self):
        name = "unsaved"
        put(site.a.at("memory", name), "text")
        for asked in ((OLD, OMIT), (OMIT, OLD + 1), (NOW, OLD + 2), (OLD + 3, NOW)):
            fd = os.open(site.a.at("memory", name), os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, b" and more")
                after = self.check(name, *asked, place=fd, settled=False)
            finally:
                os.close(fd)
            kept = times_of(site.a.at("memory", name))
            self.assertEqual(kept[0], after[0], asked)
            if asked[1] != OMIT:  # else it is when the bytes were published
                self.assertEqual(kept[1], after[1], asked)
            site.meet("memory", site.b)
            self.assertEqual(times_of(site.b.at("memory", name)), kept, asked)


def clock_off_by(shift):
    """The environment of a daemon whose clock is wrong."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library, "install the package faketime"
    return {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def git(*words):
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Ada"), ("EMAIL", "ada@acme.test"))}
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False, timeout=60,
                          env={**kept, **who, "HOME": site.root, "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"})
    assert done.returncode == 0, f"git {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class WrongClock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = os.path.join(site.root, "origin")
        git("init", "-q", "-b", "main", cls.origin)
        for number in range(FILES):
            os.makedirs(os.path.join(cls.origin, f"folder-{number % 7}"), exist_ok=True)
            put(os.path.join(cls.origin, f"folder-{number % 7}", f"file-{number}"), f"{number}\n" * number)
        git("-C", cls.origin, "add", "-A")
        git("-C", cls.origin, "commit", "-qm", "all of it")

    def check_clone(self, shift):
        """git keeps the times that it saw before it closed a file, and asks nobody again."""
        mount = site.add_mount(f"off{shift}", "ada", ["memory"], env=clock_off_by(shift))
        clone = mount.at("memory", f"clone{shift}")
        git("clone", "-q", "--no-local", self.origin, clone)
        changed = git("-C", clone, "diff-index", "--name-only", "HEAD").splitlines()
        self.assertEqual(changed, [], f"{len(changed)} of {FILES} files look changed")
        git("-C", clone, "diff-index", "--quiet", "HEAD")
        site.meet("memory", site.b)
        git("-C", site.b.at("memory", f"clone{shift}"), "-c", "core.checkStat=minimal", "-c", "core.trustctime=false",
            "-c", "safe.directory=*", "diff-index", "--quiet", "HEAD")
        self.check_times(mount, shift)

    def check_times(self, mount, shift):
        """The time that a file shows while it is written is the one that it has behind its close, everywhere."""
        file = f"written{shift}"
        with open(mount.at("memory", file), "w", encoding="utf-8") as written:
            written.write("text")
            written.flush()
            shown = os.fstat(written.fileno())
        kept = os.stat(mount.at("memory", file))
        self.assertEqual(kept.st_mtime_ns, shown.st_mtime_ns)
        site.meet("memory", site.b)
        self.assertEqual(os.stat(site.b.at("memory", file)).st_mtime_ns, shown.st_mtime_ns)

    def test_S10_AClonesIndexIsRightWithADaemonThatIsAhead(self):
        self.check_clone("+3s")

    def test_S10_AClonesIndexIsRightWithADaemonThatIsBehind(self):
        self.check_clone("-3s")

    def test_S10_AClonesIndexIsRightWhereTheClocksAreRight(self):
        self.check_clone("+0s")


if __name__ == "__main__":
    unittest.main(verbosity=2)
