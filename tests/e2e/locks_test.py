#!/usr/bin/python3
"""Locks through two mounts of a real server: SQLite in both, waiting programs that are interrupted or killed,
a daemon that dies with its locks."""

import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

PROGRAMS = 2       # in each mount
INCREMENTS = 15    # of each
LEASE = 10.0       # seconds, kLockGrace
SLACK = 20.0       # that a busy machine, and the server's look at its streams, may add
site = None

INCREMENT = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=200, isolation_level=None)
for _ in range(int(sys.argv[2])):
    base.execute('BEGIN IMMEDIATE')
    base.execute('UPDATE counter SET value = value + 1')
    base.execute('INSERT INTO log VALUES (?, randomblob(3000))', (sys.argv[3],))
    base.execute('COMMIT')
"""

HOLD = """
import fcntl, sys
file = open(sys.argv[1], 'r+b')
print('waiting', flush=True)
try:
    (fcntl.flock if sys.argv[2] == 'flock' else fcntl.lockf)(file, fcntl.LOCK_EX)
    print('held', flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""


def setUpModule():
    global site
    site = Deployment.of_module("memory")
    site.a = site.add_mount("a", "ada", ["memory"])
    site.b = site.add_mount("b", "bob", ["memory"])


def hold(path, manner):
    return subprocess.Popen([sys.executable, "-c", HOLD, path, manner], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def waits_in_kernel(process):
    """There is no event for "waits for a lock": the name of the function that it sleeps in."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with open(f"/proc/{process.pid}/syscall", encoding="utf-8") as state:
            if state.read().split()[0] in ("72", "73"):  # fcntl, flock
                return True
    return False


class LocksCase(unittest.TestCase):
    def setUp(self):
        signal.alarm(200)
        self.addCleanup(signal.alarm, 0)

    def test_S54_sqlite_loses_no_increment(self):
        path = site.a.at("memory", "base")
        base = sqlite3.connect(path)
        base.executescript("PRAGMA journal_mode=DELETE; CREATE TABLE counter (value); "
                           "INSERT INTO counter VALUES (0); CREATE TABLE log (who, what)")
        base.close()
        site.meet("memory", site.a, site.b)
        programs = [subprocess.Popen([sys.executable, "-c", INCREMENT, mount.at("memory", "base"),
                                      str(INCREMENTS), f"{name}{number}"])
                    for name, mount in (("a", site.a), ("b", site.b)) for number in range(PROGRAMS)]
        self.assertEqual([program.wait() for program in programs], [0] * len(programs))
        site.meet("memory", site.a, site.b)
        for mount in (site.a, site.b):
            base = sqlite3.connect(mount.at("memory", "base"))
            self.assertEqual(base.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            wanted = len(programs) * INCREMENTS
            self.assertEqual(base.execute("SELECT value FROM counter").fetchall(), [(wanted,)])
            self.assertEqual(base.execute("SELECT count(*) FROM log").fetchall(), [(wanted,)])
            base.close()

    def test_S54_who_waits_is_interrupted_and_leaves_no_place(self):
        for manner in ("flock", "lockf"):
            with self.subTest(manner):
                lock = getattr(fcntl, manner)
                path = site.a.at("memory", manner)
                with open(path, "w+b") as file:
                    site.meet("memory", site.a, site.b)
                    lock(file, fcntl.LOCK_EX)
                    waiting = hold(site.b.at("memory", manner), manner)
                    killed = hold(site.b.at("memory", manner), manner)
                    for process in (waiting, killed):
                        self.assertEqual(process.stdout.readline(), "waiting\n")
                        self.assertTrue(waits_in_kernel(process))
                    waiting.send_signal(signal.SIGINT)
                    self.assertEqual(waiting.communicate()[0], "interrupted\n")
                    killed.kill()
                    self.assertEqual(killed.wait(20), -signal.SIGKILL)
                    killed.communicate()
                    lock(file, fcntl.LOCK_UN)
                    lock(file, fcntl.LOCK_EX)  # nobody else has it, or stands before us for ever
                    last = hold(site.b.at("memory", manner), manner)
                    self.assertEqual(last.stdout.readline(), "waiting\n")
                    lock(file, fcntl.LOCK_UN)
                    self.assertEqual(last.stdout.readline(), "held\n")
                    with self.assertRaises(OSError) as caught:
                        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.assertEqual(caught.exception.errno, errno.EAGAIN)
                    last.communicate("")
                    lock(file, fcntl.LOCK_EX)

    def test_S54_a_dead_daemons_locks_end_with_its_lease(self):
        mount = site.add_mount("c", "ada", ["memory"])
        with open(site.a.at("memory", "lease"), "w+b") as file:
            site.meet("memory", site.a, mount)
            holder = hold(mount.at("memory", "lease"), "lockf")
            self.assertEqual(holder.stdout.readline(), "waiting\n")
            self.assertEqual(holder.stdout.readline(), "held\n")
            start = time.monotonic()
            mount.program.end(signal.SIGKILL)
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.assertLess(time.monotonic() - start, LEASE + SLACK)
        holder.kill()
        holder.communicate()
        subprocess.run(["umount", "-l", mount.at("memory")], check=False)
        site.mounts.remove(mount)


if __name__ == "__main__":
    unittest.main(verbosity=2)
