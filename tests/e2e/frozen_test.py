#!/usr/bin/python3
"""A server that is frozen, and a Postgres that is: no call in a mount lasts longer than its deadline, none that is killed lasts
at all, nothing that was acknowledged is lost, and afterwards all goes on without a remount. What each call does is in calls.py."""

import concurrent.futures
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls  # noqa: E402
from deployment import Deployment, get, put  # noqa: E402

CALLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.py")
DEADLINE = 2.5          # seconds, of reads and of writes, in the mounts that wait no longer
STATFS = 1.0            # seconds that df waits for, and shows what was known then
LEASE = 2.0             # seconds, kStrictLease
AT_EXIT = 1.0           # seconds that an open file adds to an exit for which the server is asked
SLACK = 2.0             # seconds that a busy machine may add; less than a second deadline
PATIENCE = 60           # seconds, for what will come
PATIENT = ("--read-deadline", "30s", "--write-deadline", "30s")
HASTY = ("--read-deadline", "2500ms", "--write-deadline", "2500ms")
FEW = ("--tree-nodes", "8")
DIED = -signal.SIGBUS   # a page that cannot be had

# What has to ask. Of content the kernel asks again for what reading ahead did not bring, and for a page once more.
CONTENT = ("read", "open_and_read", "copy", "map_read")
READS = ("getxattr", "listxattr", "author", "past")
NAMES_ELSEWHERE = ("lookup", "absence", "listing", "open_name")  # where the mount does not hold them
WRITES = ("create", "mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename", "rename_over", "chmod", "truncate",
          "utime", "setxattr", "removexattr", "fcntl_lock", "fcntl_lock_wait", "flock", "flock_wait", "fsync", "close",
          "append_and_close", "empty_and_close")
AT_ONCE = ("write", "ftruncate", "fallocate")
# Unsaved bytes, and a lock that the server may have given.
ASKS_AT_EXIT = {"write", "ftruncate", "fallocate", "fsync", "close", "append_and_close", "empty_and_close", "fcntl_lock",
                "fcntl_lock_wait"}
PUBLISHED_LATER = {"write": b"written by a call", "fsync": b"written by a call", "close": b"written by a call",
                   "append_and_close": b"smallwritten by a call", "empty_and_close": b"written by a call"}
site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory")
    site.outboard("volume", "create", "acme/ledger", "--strict")
    site.a = site.add_mount("a", "ada", ["memory", "ledger"])


def plant(folder, names):
    os.mkdir(site.a.at("memory", folder))
    with concurrent.futures.ThreadPoolExecutor(8) as planters:
        list(planters.map(lambda name: calls.plant(site.a.at("memory", folder, name), name in CONTENT), names))


@contextlib.contextmanager
def stopped(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Call:
    """A process that has prepared its call, makes it at go(), and has said what became of it at verdict()."""

    def __init__(self, name, mount, folder):
        self.name, self.place = name, os.path.join("memory", folder, name)
        self.process = subprocess.Popen([sys.executable, "-I", "-S", CALLS, name, mount.at(self.place)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.start = self.ended = None

    def await_ready(self):
        said = self.process.stdout.readline()
        assert said == "ready\n", f"{self.name} did not get ready at {self.place}: {said}"

    def go(self):
        self.start = time.monotonic()
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self):
        self.start = time.monotonic()
        self.process.kill()

    def sleeps_in(self):
        with open(f"/proc/{self.process.pid}/wchan", encoding="utf-8") as file:
            return file.read()

    def waits(self):
        """There is no event for "waits for an answer": the name of the function in the kernel that it sleeps in."""
        return any(word in self.sleeps_in() for word in ("request_wait_answer", "fuse", "folio"))

    def verdict(self):
        """(errno, or what killed it; seconds of the call; seconds from `start` until all of it was gone)"""
        said, _ = self.process.communicate(timeout=PATIENCE)
        gone = time.monotonic() - self.start
        if self.process.returncode != 0:
            return self.process.returncode, gone, gone
        last = json.loads(said.splitlines()[-1])
        return last["errno"], last["seconds"], gone


def all_at_once(some, act=Call.go):
    for call in some:
        act(call)
    with concurrent.futures.ThreadPoolExecutor(len(some)) as ears:
        return list(zip(some, ears.map(Call.verdict, some)))


class FrozenServer(unittest.TestCase):
    def setUp(self):
        signal.alarm(200)
        self.addCleanup(signal.alarm, 0)

    def made(self, mount, folder, names):
        return [Call(name, mount, folder) for name in names]

    def eventually(self, holds, what):
        until = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), until, what)

    def test_S9_EveryCallEndsByItsDeadlineWhenTheServerIsFrozen(self):
        """At once, each in a process of its own; one more of each is killed while it waits. Then all of them work."""
        here, elsewhere = (*CONTENT, *READS, *WRITES, *AT_ONCE), (*NAMES_ELSEWHERE, "statfs")
        waiting = [name for name in (*here, *elsewhere) if name not in (*AT_ONCE, "statfs")]
        for folder, names in (("frozen", (*here, *elsewhere)), ("killed", waiting), ("thawed", (*here, *elsewhere))):
            plant(folder, names)
        put(site.a.at("ledger", "kept"), "kept")
        hasty = site.add_mount("hasty", "ada", ["memory", "ledger"], *HASTY)
        hasty_few = site.add_mount("hasty_few", "ada", ["memory"], *HASTY, *FEW)
        patient = site.add_mount("patient", "ada", ["memory"], *PATIENT)
        patient_few = site.add_mount("patient_few", "ada", ["memory"], *PATIENT, *FEW)
        site.meet("memory", hasty, patient)
        frozen = self.made(hasty, "frozen", here) + self.made(hasty_few, "frozen", elsewhere)
        frozen.append(Call("open_strict", hasty, "frozen"))
        killed = self.made(patient, "killed", [name for name in waiting if name in here])
        killed += self.made(patient_few, "killed", NAMES_ELSEWHERE)
        for call in frozen + killed:
            call.await_ready()
        with stopped([site.server.process.pid]):
            for call in killed:
                call.go()
            self.check_frozen(all_at_once(frozen))
            self.check_killed(killed)
        site.meet("memory", site.a, hasty, patient)
        thawed = self.made(hasty, "thawed", here) + self.made(hasty_few, "thawed", elsewhere)
        for call in thawed:
            call.await_ready()
        for call, (number, _, _) in all_at_once(thawed):
            wanted = errno.ENOENT if call.name == "absence" else 0
            self.assertEqual(errno.errorcode.get(number, number), errno.errorcode.get(wanted, 0), call.name)
        self.check_published(hasty)

    def check_frozen(self, ended):
        wanted = {name: (errno.EIO, DEADLINE) for name in (*CONTENT, *READS, *NAMES_ELSEWHERE, *WRITES)}
        wanted.update({name: (0, 0) for name in AT_ONCE})
        wanted.update(map_read=(DIED, DEADLINE), statfs=(0, STATFS), open_strict=(errno.EIO, LEASE + DEADLINE))
        for call, (number, seconds, gone) in ended:
            with self.subTest(call.name):
                print(f"  {call.name}: {errno.errorcode.get(number, number)} in {seconds:.1f} s, gone in {gone:.1f} s",
                      flush=True)
                answer, deadline = wanted.pop(call.name)
                self.assertEqual(errno.errorcode.get(number, number), errno.errorcode.get(answer, answer))
                self.assertLess(seconds, deadline + SLACK)
                unsaved = AT_EXIT if call.name in ASKS_AT_EXIT else 0
                self.assertLess(gone, seconds + unsaved + SLACK)
        self.assertEqual(wanted, {})

    def check_killed(self, killed):
        for call in killed:
            self.eventually(call.waits, f"{call.name} does not wait, but is in {call.sleeps_in()}")
        for call, (number, _, gone) in all_at_once(killed, Call.kill):
            with self.subTest(call.name):
                print(f"  {call.name}: killed in {gone:.2f} s", flush=True)
                self.assertEqual(number, -signal.SIGKILL)
                self.assertLess(gone, (AT_EXIT if call.name in ASKS_AT_EXIT else 0) + SLACK)

    def check_published(self, mount):
        """What close() and fsync() refused was kept, and arrives; and two mounts show the same tree."""
        for name, content in PUBLISHED_LATER.items():
            file = os.path.join("memory", "frozen", name, "small")
            self.eventually(lambda file=file, content=content: get(site.a.at(file)).encode() == content, name)
        site.meet("memory", site.a, mount)
        trees = [[(os.path.relpath(folder, shown.root), sorted(folders), sorted(files))
                  for folder, folders, files in sorted(os.walk(shown.at("memory")))] for shown in (site.a, mount)]
        self.assertEqual(*trees)


def postgres_processes():
    """Of the server's own: the postmaster first."""
    with open(os.path.join(site.root, "data", "postgres", "postmaster.pid"), encoding="utf-8") as file:
        first = int(file.readline())
    with open(f"/proc/{first}/task/{first}/children", encoding="utf-8") as children:
        return [first, *(int(pid) for pid in children.read().split())]


def another_postgres(than):
    with contextlib.suppress(OSError, ValueError):  # the file is gone, or empty yet
        return postgres_processes()[0] != than
    return False


class Worker(threading.Thread):
    """Goes on with `step` until it is told to end; what broke is told at end()."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self.step, self.over, self.broken, self.steps = step, threading.Event(), None, 0
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                self.step(self.steps)
                self.steps += 1
        except BaseException as error:  # told by end()
            self.broken = error

    def end(self):
        self.over.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "a program hangs"
        if self.broken:
            raise self.broken


class FrozenPostgres(unittest.TestCase):
    def setUp(self):
        signal.alarm(200)
        self.addCleanup(signal.alarm, 0)

    def eventually(self, holds):
        until = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), until)
            for worker in (self.writer, self.reader):
                if worker.broken:
                    raise worker.broken

    def append(self, number):
        line, start = f"line {number}\n", time.monotonic()
        try:
            fd = os.open(self.log, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, line.encode())
            finally:
                os.close(fd)
            self.kept.append(line)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.refused.append(line)
        took = time.monotonic() - start
        assert took < DEADLINE + SLACK, f"an append took {took:.1f} s"

    def look(self, _number):
        start = time.monotonic()
        assert get(self.cached) == "cached"
        took = time.monotonic() - start
        assert took < SLACK, f"a cached file took {took:.1f} s"

    def test_S9_AMountOutlastsAPostgresThatIsFrozenAndOneThatIsKilled(self):
        put(site.a.at("memory", "cached"), "cached")
        put(site.a.at("memory", "log"), "")
        mount = site.add_mount("outlasting", "ada", ["memory"], *HASTY)
        self.log, self.cached, self.kept, self.refused = mount.at("memory", "log"), mount.at("memory", "cached"), [], []
        self.assertEqual(get(self.cached), "cached")
        self.writer, self.reader = Worker(self.append), Worker(self.look)
        self.eventually(lambda: len(self.kept) > 20)
        with stopped(postgres_processes()):
            self.eventually(lambda: self.refused)
            looks = self.reader.steps
            self.eventually(lambda: len(self.refused) > 1 and self.reader.steps > looks + 20)
        self.goes_on()
        killed = postgres_processes()[0]
        os.kill(killed, signal.SIGKILL)
        self.eventually(lambda: another_postgres(killed))
        self.goes_on()
        self.writer.end()
        self.reader.end()
        self.assertIsNone(mount.program.process.poll(), "the daemon ended")
        site.meet("memory", mount, site.a)
        # What was refused is kept for another try: it may still come, once.
        shown = get(site.a.at("memory", "log")).splitlines(keepends=True)
        print(f"  {len(self.kept)} lines kept, {len(self.refused)} refused, {len(shown)} there", flush=True)
        self.assertEqual(sorted(set(shown)), sorted(shown), "lines are there twice")
        self.assertEqual(set(self.kept) - set(shown), set(), "acknowledged lines are lost")
        self.assertEqual(set(shown) - set(self.kept) - set(self.refused), set(), "lines that nobody wrote")
        self.assertEqual(get(self.log), get(site.a.at("memory", "log")))

    def goes_on(self):
        kept = len(self.kept)
        self.eventually(lambda: len(self.kept) > kept + 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
