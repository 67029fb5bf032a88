#!/usr/bin/python3
"""Two mounts of a real server on a real Postgres: what programs see while files change, servers stop,
die and come back, tokens end and daemons are killed. Each test leaves the deployment as it found it."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, Mount  # noqa: E402

ROUNDS = 1000
APPENDS = 1000
UNCACHED = 300_000  # too large for the snapshot: fetched when somebody reads it
SLACK = 2.0         # seconds that a busy machine may add to a deadline
PUSHED = 3          # seconds; less than a server takes to look by itself (kProgressInterval)
HASTY = ("--read-deadline", "800ms", "--write-deadline", "800ms")
HASTY_SECONDS = 0.8
site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory", "careful", "merged")
    site.outboard("volume", "set", "acme/careful", "--policy", "refuse")
    site.outboard("volume", "set", "acme/merged", "--policy", "merge")
    site.outboard("volume", "create", "acme/small", "--quota-bytes", "1MiB")
    site.a = site.add_mount("a", "ada", ["memory", "careful", "merged", "small"])
    site.b = site.add_mount("b", "bob", ["memory", "careful", "merged", "small"])


def put(path, text, flags=os.O_TRUNC):
    data = text if isinstance(text, bytes) else text.encode()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def verdict(worker):
    with worker.stdout:
        said = worker.stdout.read()
    return json.loads(said.splitlines()[-1]) if worker.wait() == 0 else {"died": worker.returncode}


def too_late(_signal, _frame):
    raise TimeoutError("a test hangs")


@contextlib.contextmanager
def stopped(program):
    program.send(signal.SIGSTOP)
    try:
        yield
    finally:
        program.send(signal.SIGCONT)


class MountsCase(unittest.TestCase):
    def setUp(self):
        self.a, self.b = site.a, site.b
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(100)
        start = time.monotonic()
        self.addCleanup(lambda: print(f"  {time.monotonic() - start:.1f} s", flush=True))
        self.addCleanup(signal.alarm, 0)

    def refused(self, number, action, *words):
        """It fails with that errno; how many seconds it took."""
        start = time.monotonic()
        with self.assertRaises(OSError) as caught:
            action(*words)
        said = caught.exception.errno
        self.assertEqual(said, number, errno.errorcode.get(said))
        return time.monotonic() - start

    def third(self, name, *options, volumes=("memory",), mode="rw"):
        """A daemon of this test's own."""
        mount = site.add_mount(name, "ada", list(volumes), *options, mode=mode)
        self.addCleanup(self.end_mount, mount)
        return mount

    def end_mount(self, mount):
        if mount.program.process.poll() is None:
            mount.program.end(signal.SIGKILL)
        for volume in mount.volumes:
            if mount.is_mounted(volume):
                subprocess.run(["umount", "-l", mount.at(volume)], check=False)
        site.mounts.remove(mount)


class History(MountsCase):
    def test_S11_VersionsAndMomentsAreFilesInEveryMount(self):
        os.mkdir(self.a.at("memory", "past"))
        file = self.a.at("memory", "past", "plan.md")
        for text in ("one", "two", "three"):
            put(file, text)
        os.symlink("plan.md", self.a.at("memory", "past", "link"))
        site.meet("memory", self.b)
        then = os.getxattr(self.b.at("memory"), "user.outboard.seq").decode()
        os.unlink(file)
        put(file, "another file")
        os.unlink(self.a.at("memory", "past", "link"))
        site.meet("memory", self.b)
        reader = self.third("historian", mode="ro")
        for mount in (self.a, self.b, reader):
            history = mount.at("memory", ".history")
            self.assertNotIn(".history", os.listdir(mount.at("memory")))
            versions = os.path.join(history, "past", "plan.md")
            self.assertEqual([get(os.path.join(versions, name)) for name in sorted(os.listdir(versions))],
                             [b"", b"another file"])
            name = sorted(os.listdir(versions))[-1]
            self.assertRegex(name, r"^\d{8}-\d{8}T\d{6}Z-ada\.md$")
            moment = os.path.join(history, "@" + then, "past")
            self.assertEqual(sorted(os.listdir(moment)), ["link", "plan.md"])
            self.assertEqual(get(os.path.join(moment, "link")), b"three")
            with self.assertRaises(FileNotFoundError):
                os.listdir(os.path.join(history, "@999999999"))
        self.refused(errno.EROFS, os.unlink, os.path.join(self.a.at("memory", ".history"), "past", "plan.md", name))


class Nested(MountsCase):
    def test_S56_AViewInsideAnotherStaysWhateverBecomesOfItsName(self):
        outer = os.path.join(site.root, "nested", "memory")
        inner = os.path.join(outer, "mine")
        mount = self.third("nested", "--mount", f"{inner}=acme/careful:rw", volumes=("memory", "careful"))

        def is_mounted(place):
            with open("/proc/self/mountinfo", encoding="utf-8") as lines:
                return any(line.split()[4] == place for line in lines)

        self.addCleanup(lambda: subprocess.run(["umount", "-l", inner], check=False, capture_output=True))
        self.assertTrue(is_mounted(inner))
        self.assertIn("mine", os.listdir(outer))
        self.assertNotEqual(os.stat(inner).st_dev, os.stat(outer).st_dev)
        put(os.path.join(inner, "note"), "inside")
        site.meet("careful", self.b)
        self.assertEqual(get(self.b.at("careful", "note")), b"inside")
        self.assertFalse(os.path.exists(self.b.at("memory", "mine")), "nothing of it is in the outer volume")
        # The same name in the outer volume comes and goes in other sandboxes: this one does not see it.
        for round_ in range(20):
            os.mkdir(self.b.at("memory", "mine"))
            put(self.b.at("memory", "mine", "other"), str(round_))
            site.meet("memory", mount)
            self.assertEqual(get(os.path.join(inner, "note")), b"inside")
            os.rename(self.b.at("memory", "mine"), self.b.at("memory", "theirs"))
            put(self.b.at("memory", "mine"), "a file now")
            site.meet("memory", mount)
            self.assertEqual(os.listdir(outer).count("mine"), 1)
            self.assertEqual(get(os.path.join(inner, "note")), b"inside")
            self.assertIn("theirs", os.listdir(outer))
            os.unlink(self.b.at("memory", "mine"))
            os.unlink(self.b.at("memory", "theirs", "other"))
            os.rmdir(self.b.at("memory", "theirs"))
        self.assertTrue(is_mounted(inner))
        self.refused(errno.EBUSY, os.rmdir, inner)
        self.refused(errno.EBUSY, os.rename, inner, os.path.join(outer, "elsewhere"))
        self.refused(errno.EEXIST, os.mkdir, inner)
        put(os.path.join(outer, "plain"), "x")
        self.refused(errno.EXDEV, os.rename, os.path.join(outer, "plain"), os.path.join(inner, "plain"))
        os.unlink(os.path.join(outer, "plain"))
        os.unlink(os.path.join(inner, "note"))
        code, _ = mount.program.end(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertFalse(is_mounted(inner) or is_mounted(outer), "they leave in order")


class Contents(MountsCase):
    def test_S1_WholeFilesWhileTheyGrowAndShrink(self):
        file = self.a.at("memory", "whole")
        verdict(site.worker("grow_and_shrink", file, 1))
        site.meet("memory", self.b)
        seen = self.b.at("memory", "whole")
        reader = site.worker("read", seen, ROUNDS)
        writer = site.worker("grow_and_shrink", file, ROUNDS)
        self.assertEqual(verdict(writer), {"rounds": ROUNDS})
        result = verdict(reader)
        self.assertNotIn("died", result)
        self.assertEqual(result["faults"], [])
        self.assertTrue(result["last"], "the last version never came")
        self.assertGreater(result["seen"], 20, "hardly any version was seen")
        print(f"  {result['reads']} reads of {result['seen']} versions", flush=True)

    def appended(self, file, mounts, count, at_progress=lambda done: None):
        """What each of the workers kept and was refused; `at_progress` hears of each line tried."""
        for mount in mounts:
            put(mount.at("memory", file), "", os.O_APPEND)
        site.meet("memory", *mounts)
        ear, mouth = os.pipe()
        workers = [site.worker("append", mount.at("memory", file), f"{i}{j}", count // 4, mouth, progress=mouth)
                   for i, mount in enumerate(mounts) for j in range(2)]
        os.close(mouth)
        done = 0
        while said := os.read(ear, 4096):
            done += len(said)
            at_progress(done)
        os.close(ear)
        return [verdict(worker) for worker in workers]

    def check_appends(self, file, results, mounts):
        lines = site.outboard("memory", "cat", file, "--volume", "acme/memory").splitlines(keepends=True)
        kept = [line for result in results for line in result["kept"]]
        unsure = [line for result in results for line, _ in result["refused"]]
        self.assertEqual(sorted(set(lines)), sorted(lines), "lines are there twice")
        self.assertEqual(set(kept) - set(lines), set(), "lines are lost")
        self.assertEqual(set(lines) - set(kept) - set(unsure), set(), "lines that nobody wrote")
        site.meet("memory", *mounts)
        for mount in mounts:
            self.assertEqual(get(mount.at("memory", file)).decode(), "".join(lines))
        return unsure

    def test_S3_ConcurrentAppendsAddUp(self):
        results = self.appended("appends", [self.a, self.b], APPENDS)
        self.assertEqual([result["refused"] for result in results], [[]] * 4)
        self.check_appends("appends", results, [self.a, self.b])

    def test_S8_AppendsAcrossAKilledServerAreThereOnce(self):
        hasty = self.third("hasty-appends", *HASTY)
        killed = []

        def kill_once(done):
            if done < APPENDS // 4 or killed:
                return
            killed.append(site.server.end(signal.SIGKILL)[0])
            site.start_server()

        results = self.appended("killed", [self.a, hasty], APPENDS, kill_once)
        self.assertEqual(killed, [-signal.SIGKILL])
        for result in results[:2]:
            self.assertEqual(result["refused"], [], "thirty seconds were enough for a restart")
        # What a hasty close gave up waits in the daemon and is published by itself.
        self.assertEqual(hasty.program.end()[0], 0)
        unsure = self.check_appends("killed", results, [self.a, self.b])
        print(f"  {len(unsure)} appends were refused in time", flush=True)

    def test_S4_RefuseSaysStaleAtClose(self):
        file = "plan"
        put(self.a.at("careful", file), "one")
        site.meet("careful", self.b)
        fd = os.open(self.a.at("careful", file), os.O_WRONLY)
        os.pwrite(fd, b"two", 0)
        put(self.b.at("careful", file), "three")
        self.refused(errno.ESTALE, os.close, fd)
        site.meet("careful", self.a, self.b)
        self.assertEqual(get(self.a.at("careful", file)), b"three")
        beside = [name for name in os.listdir(self.a.at("careful")) if ".conflict-" in name]
        self.assertEqual([get(self.a.at("careful", name)) for name in beside], [b"two"])

    def test_S35_WhatWasMergedIsWrittenOnAlsoThroughANewServer(self):
        def lines(first, *rest):
            return "".join(f"{line}\n" for line in (first, "two", "three", *rest, "eight", "nine"))

        def save(text, fd):
            os.pwrite(fd, text.encode(), 0)
            os.ftruncate(fd, len(text))
            os.fsync(fd)

        name = ("merged", "plan")
        put(self.a.at(*name), lines("one", "four"))
        site.meet("merged", self.b)
        fd = os.open(self.b.at(*name), os.O_RDWR)
        put(self.a.at(*name), lines("ONE", "four"))
        save(lines("one", "FOUR"), fd)
        site.meet("merged", self.a, self.b)
        self.assertEqual(get(self.a.at(*name)).decode(), lines("ONE", "FOUR"))
        site.server.end(signal.SIGKILL)
        site.start_server()
        save(lines("one", "FOUR", "five"), fd)
        site.meet("merged", self.a, self.b)
        put(self.a.at(*name), lines("First", "FOUR", "five"))
        save(lines("one", "FIVE"), fd)
        os.close(fd)
        site.meet("merged", self.a, self.b)
        for mount in (self.a, self.b):
            self.assertEqual(get(mount.at(*name)).decode(), lines("First", "FIVE"))
            self.assertEqual(os.listdir(mount.at("merged")), ["plan"])

    def test_S21_QuotaSaysEdquotAtCloseAndDfShowsIt(self):
        put(self.a.at("small", "half"), b"x" * 500_000)
        fd = os.open(self.b.at("small", "more"), os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"y" * 700_000)
        self.refused(errno.EDQUOT, os.close, fd)
        site.meet("small", self.a, self.b)
        for mount in (self.a, self.b):
            space = os.statvfs(mount.at("small"))
            self.assertEqual(space.f_blocks * space.f_frsize, 1 << 20)
            used = (space.f_blocks - space.f_bfree) * space.f_frsize
            self.assertTrue(500_000 <= used < 500_000 + 2 * space.f_frsize, used)
        os.remove(self.a.at("small", "half"))
        put(self.b.at("small", "fits"), b"z" * 900_000)

    def test_S17_SqlReachesBothMounts(self):
        both = (self.a, self.b)
        for mount in both:
            self.refused(errno.ENOENT, os.stat, mount.at("memory", "sql.md"))  # the absence is cached
        site.sql("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/sql.md', 'one')")
        site.meet("memory", *both, seconds=PUSHED)
        for mount in both:
            self.assertEqual(get(mount.at("memory", "sql.md")), b"one")
        site.sql("UPDATE outboard.memory_files SET content = 'longer now' WHERE path = '/sql.md'")
        site.meet("memory", *both, seconds=PUSHED)
        for mount in both:
            self.assertEqual(get(mount.at("memory", "sql.md")), b"longer now")
            author = os.getxattr(mount.at("memory", "sql.md"), "user.outboard.author")
            self.assertTrue(author.startswith(b"sql:"), author)
        site.sql("UPDATE outboard.memory_files SET path = '/sub/moved.md' WHERE path = '/sql.md'")
        site.meet("memory", *both, seconds=PUSHED)
        for mount in both:
            self.refused(errno.ENOENT, os.stat, mount.at("memory", "sql.md"))
            self.assertEqual(get(mount.at("memory", "sub", "moved.md")), b"longer now")
        site.sql("DELETE FROM outboard.memory_files WHERE path = '/sub/moved.md'")
        site.meet("memory", *both, seconds=PUSHED)
        for mount in both:
            self.refused(errno.ENOENT, os.stat, mount.at("memory", "sub", "moved.md"))

    def test_S10_OneOfManyGetsALockFile(self):
        os.mkdir(self.a.at("memory", "locks"))
        site.meet("memory", self.b)
        workers = [site.worker("claim", mount.at("memory", "locks"), 100)
                   for mount in (self.a, self.b) for _ in range(2)]
        won = [number for worker in workers for number in verdict(worker)["won"]]
        self.assertEqual(sorted(won), list(range(100)))

    def test_S10_NamesThatAreNotUtf8(self):
        names = [b"\xff\xfe latin", b"caf\xe9", b"back\\slash\xc3"]
        a, b = os.fsencode(self.a.at("memory")), os.fsencode(self.b.at("memory"))
        os.mkdir(os.path.join(a, b"d\x80r"))
        for name in names:
            put(os.path.join(a, b"d\x80r", name), name)
        os.symlink(b"caf\xe9", os.path.join(a, b"d\x80r", b"link\xe9"))
        site.meet("memory", self.b)
        self.assertEqual(set(os.listdir(os.path.join(b, b"d\x80r"))), {*names, b"link\xe9"})
        for name in names:
            self.assertEqual(get(os.path.join(b, b"d\x80r", name)), name)
        self.assertEqual(get(os.path.join(b, b"d\x80r", b"link\xe9")), b"caf\xe9")
        os.rename(os.path.join(b, b"d\x80r", names[0]), os.path.join(b, b"\xf0\x28"))
        site.meet("memory", self.a)
        self.assertEqual(get(os.path.join(a, b"\xf0\x28")), names[0])


class Faults(MountsCase):
    def test_S9_AStoppedServer(self):
        crowd = [self.a.at("memory", f"crowd-{i}") for i in range(40)]
        for file in (self.a.at("memory", "seen"), *crowd):
            put(file, "cached")
        for name in ("unseen", "later", "unseen too"):
            put(self.a.at("memory", name), b"u" * UNCACHED)
        mount = self.third("hasty", *HASTY)
        self.assertEqual(get(mount.at("memory", "seen")), b"cached")
        crowd = [file.replace(self.a.root, mount.root) for file in crowd]
        with stopped(site.server):
            self.assertEqual(get(mount.at("memory", "seen")), b"cached")
            self.assertIn("unseen", os.listdir(mount.at("memory")))
            late = HASTY_SECONDS + SLACK
            self.assertLess(self.refused(errno.EIO, get, mount.at("memory", "unseen")), late)
            self.assertLess(self.refused(errno.EIO, put, mount.at("memory", "new"), "x"), late)
            self.assertLess(self.refused(errno.EIO, put, mount.at("memory", "seen"), "kept"), late)
            self.assertEqual(get(mount.at("memory", "seen")), b"kept")
            self.check_crowd(mount, crowd)
            self.check_killed(self.b.at("memory", "unseen too"))
        site.meet("memory", mount, self.b)
        self.assertEqual(get(mount.at("memory", "unseen")), b"u" * UNCACHED)
        put(mount.at("memory", "new"), "works again")
        self.assertEqual(get(mount.at("memory", "seen")), b"kept")

    def check_crowd(self, mount, crowd):
        """Many programs that wait for the server do not keep the others from what is cached."""
        workers = [site.worker("put", file) for file in crowd]
        for worker in workers:
            self.assertEqual(worker.stdout.readline(), "ready\n")
        start = time.monotonic()
        while time.monotonic() < start + HASTY_SECONDS / 2:
            before = time.monotonic()
            self.assertEqual(get(mount.at("memory", "seen")), b"kept")
            self.assertLess(time.monotonic() - before, HASTY_SECONDS / 2)
        for worker in workers:
            self.assertEqual(verdict(worker), {"errno": errno.EIO})

    def check_killed(self, file):
        """A program that would wait for the server ten seconds dies when it is killed."""
        worker = site.worker("cat", file)
        self.assertEqual(worker.stdout.readline(), "ready\n")
        until = time.monotonic() + 5
        while not is_reading(worker.pid):  # there is no event for "is in the kernel"
            self.assertLess(time.monotonic(), until)
        start = time.monotonic()
        worker.kill()
        self.assertEqual(verdict(worker), {"died": -signal.SIGKILL})
        self.assertLess(time.monotonic() - start, SLACK)

    def test_S9_AServerThatIsGoneAndComesBack(self):
        put(self.a.at("memory", "here"), "cached")
        put(self.a.at("memory", "not here"), b"n" * UNCACHED)
        mount = self.third("waiting", *HASTY)
        self.assertEqual(get(mount.at("memory", "here")), b"cached")
        site.server.end(signal.SIGKILL)
        self.assertEqual(get(mount.at("memory", "here")), b"cached")
        self.refused(errno.EIO, get, mount.at("memory", "not here"))
        self.refused(errno.EIO, put, mount.at("memory", "here"), "kept")
        site.start_server()
        put(self.a.at("memory", "after"), "news")
        site.meet("memory", mount, self.a, self.b)
        self.assertEqual(get(mount.at("memory", "not here")), b"n" * UNCACHED)
        self.assertEqual(get(mount.at("memory", "after")), b"news")
        self.assertEqual(mount.program.end()[0], 0)  # publishes what still waits
        site.meet("memory", self.b)
        self.assertEqual(get(self.b.at("memory", "here")), b"kept")

    def test_S9_SigtermUnmounts(self):
        with self.subTest("the server answers"):
            mount = self.third("leaving", *HASTY)
            fd = os.open(mount.at("memory", "unsaved"), os.O_WRONLY | os.O_CREAT)
            os.write(fd, b"kept")
            self.check_end(mount, 5)
            with contextlib.suppress(OSError):
                os.close(fd)
            site.meet("memory", self.a)
            self.assertEqual(get(self.a.at("memory", "unsaved")), b"kept")
        with self.subTest("the server is stopped"):
            mount = self.third("left", *HASTY)
            fds = [os.open(mount.at("memory", f"lost-{i}"), os.O_WRONLY | os.O_CREAT) for i in range(5)]
            for fd in fds:
                os.write(fd, b"x")
            with stopped(site.server):
                self.check_end(mount, 2 * HASTY_SECONDS)
            self.assertIn("unsaved bytes are lost", mount.program.words())
            for fd in fds:
                with contextlib.suppress(OSError):
                    os.close(fd)
        with self.subTest("the server is gone"):
            mount = self.third("alone", *HASTY)
            site.server.end(signal.SIGKILL)
            self.check_end(mount, 2 * HASTY_SECONDS)
            site.start_server()

    def check_end(self, mount, seconds):
        code, took = mount.program.end()
        self.assertEqual(code, 0)
        self.assertFalse(mount.is_mounted("memory"))
        self.assertLess(took, seconds + SLACK)

    def test_S9_AKilledDaemonsPlaceIsToldHowToFree(self):
        mount = self.third("killed")
        pid = mount.program.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as children:
            for beside in children.read().split():
                os.kill(int(beside), signal.SIGKILL)  # who else would free it
        mount.program.end(signal.SIGKILL)
        mount.start()
        self.assertEqual(mount.program.process.wait(10), 1)
        self.assertIn("umount " + mount.at("memory"), mount.program.words())
        subprocess.run(["umount", mount.at("memory")], check=True)
        mount.start()
        self.assertTrue(mount.program.ready, mount.program.words())
        self.assertIsInstance(os.listdir(mount.at("memory")), list)

    def test_S9_NoServerAtTheStart(self):
        words = [os.path.join(os.environ["OUTBOARD_BIN"], "outboard-fuse"), "--server", f"unix:{site.root}/nobody",
                 "--token-file", site.site_token, "--mount", f"{self.a.root}=acme/memory:rw", *HASTY]
        done = subprocess.run(words, capture_output=True, text=True, timeout=HASTY_SECONDS + 5, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"unix:{site.root}/nobody", done.stderr)
        self.assertIn("is it running", done.stderr)

    def test_S8_ARevokedTokenWritesNothingAndANewOneHeals(self):
        put(self.a.at("memory", "known"), "cached")
        token, number = site.mint("guest", "ada", ["memory"])
        mount = Mount(site, "guest", ["memory"], token)
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertEqual(get(mount.at("memory", "known")), b"cached")
        site.outboard("token", "revoke", str(number))
        self.wait_for_end(mount)
        self.refused(errno.EACCES, put, mount.at("memory", "forbidden"), "x")
        self.refused(errno.EACCES, put, mount.at("memory", "known"), "overwritten")
        self.refused(errno.ENOENT, os.stat, self.a.at("memory", "forbidden"))
        self.assertEqual(site.outboard("memory", "cat", "known", "--volume", "acme/memory"), "cached")
        self.assertEqual(get(mount.at("memory", "known")), b"overwritten")  # its own unsaved bytes
        site.mint("guest", "ada", ["memory"])
        put(self.a.at("memory", "while away"), "news")
        site.meet("memory", mount)
        self.assertEqual(get(mount.at("memory", "while away")), b"news")
        put(mount.at("memory", "allowed"), "x")
        self.assertEqual(mount.program.end()[0], 0)
        site.meet("memory", self.a)
        self.assertEqual(get(self.a.at("memory", "known")), b"overwritten")

    def test_S41_AnExpiredTokenServesWhatIsCachedAndLivesAgain(self):
        put(self.a.at("memory", "lasting"), "cached")
        token, number = site.mint("visitor", "ada", ["memory"])
        mount = Mount(site, "visitor", ["memory"], token)
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertEqual(get(mount.at("memory", "lasting")), b"cached")
        site.sql(f"UPDATE outboard.tokens SET expires = clock_timestamp() WHERE id = {number}")
        self.wait_for_end(mount)
        self.assertEqual(get(mount.at("memory", "lasting")), b"cached")
        self.refused(errno.EACCES, put, mount.at("memory", "too late"), "x")
        site.outboard("token", "renew", str(number), "--life", "1h")  # the file stays as it is
        put(self.a.at("memory", "meanwhile"), "news")
        site.meet("memory", mount)
        self.assertEqual(get(mount.at("memory", "meanwhile")), b"news")
        put(mount.at("memory", "in time"), "x")

    def guest(self, name, *grants):
        """A mount of acme/memory with a token that has these grants."""
        token = os.path.join(site.root, name + ".token")
        words = [word for grant in grants for word in ("--grant", grant)]
        site.outboard("token", "mint", "acme/ada", *words, "--to-file", token)
        mount = Mount(site, name, ["memory"], token)
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertTrue(mount.program.ready, mount.program.words())
        return mount

    def test_S40_AMountOfAPart(self):
        inside, outside = self.a.at("memory", "part"), self.a.at("memory", "apart")
        os.makedirs(os.path.join(outside, "tree"))
        os.makedirs(inside)
        put(os.path.join(inside, "seen"), "seen")
        put(os.path.join(outside, "hidden"), "hidden")
        put(os.path.join(outside, "tree", "leaf"), "leaf")
        mount = self.guest("part", "acme/memory:/part:rw")
        self.assertEqual(os.listdir(mount.at("memory")), ["part"])
        self.refused(errno.ENOENT, os.stat, mount.at("memory", "apart"))
        self.refused(errno.ENOENT, put, mount.at("memory", "new"), "x")
        put(mount.at("memory", "part", "own"), "written")
        site.meet("memory", self.a)
        self.assertEqual(get(os.path.join(inside, "own")), b"written")
        # Into view and out of it again: a file, then a whole tree.
        os.rename(os.path.join(outside, "hidden"), os.path.join(inside, "hidden"))
        put(os.path.join(outside, "more"), "hidden too")
        site.meet("memory", mount)
        self.assertEqual(get(mount.at("memory", "part", "hidden")), b"hidden")
        os.rename(os.path.join(inside, "hidden"), os.path.join(outside, "hidden"))
        os.rename(os.path.join(outside, "tree"), os.path.join(inside, "tree"))
        self.eventually(lambda: os.path.exists(mount.at("memory", "part", "tree", "leaf")))
        self.assertFalse(os.path.exists(mount.at("memory", "part", "hidden")))
        self.assertEqual(get(mount.at("memory", "part", "tree", "leaf")), b"leaf")
        os.rename(os.path.join(inside, "tree"), os.path.join(outside, "tree"))
        self.eventually(lambda: not os.path.exists(mount.at("memory", "part", "tree")))

    def eventually(self, holds):
        until = time.monotonic() + 10
        while not holds():
            self.assertLess(time.monotonic(), until)

    def wait_for_end(self, mount):
        """Until the server has cut the mount's stream: within a second of the revocation."""
        until = time.monotonic() + 5
        with grpc.insecure_channel("unix:" + mount.control) as channel:
            stub = site.mount_grpc.MountServiceStub(channel)
            while stub.Status(site.mount.MountStatusRequest(), timeout=5).connected:
                self.assertLess(time.monotonic(), until)


def is_reading(pid):
    with open(f"/proc/{pid}/syscall", encoding="utf-8") as call:
        return call.read().split()[0] in ("0", "63")  # read, on x86-64 and on arm64


if __name__ == "__main__":
    unittest.main(verbosity=2)
