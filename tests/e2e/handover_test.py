#!/usr/bin/python3
"""A mount daemon is replaced by another while programs work in its views, and none of them notices."""

import errno
import fcntl
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment, Mount, Program, get, mount_at  # noqa: E402

OFFER, TERMS, BEGIN, TABLES, TAKEN, REFUSAL = range(1, 7)
FORMAT = 7
PAUSE_SECONDS = 5  # kHandoverPause
HANDOVERS = 10
site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory", "skills")


def put(path, text, mode="w"):
    with open(path, mode, encoding="utf-8") as file:
        file.write(text)


# A process of its own: when another is started from this one, a copy of each of its descriptors is closed, and what
# was written through it is published.
WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.pwrite(fd, b"unsaved", 3)
print(os.pread(fd, 20, 0).decode(), flush=True)
for line in sys.stdin:
    print(os.pread(fd, 20, 0).decode(), flush=True)
os.close(fd)
"""


class Successor:
    """Takes over as far as it is told, byte by byte."""

    def __init__(self, control):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(control)

    def say(self, word, text=b""):
        self.socket.sendall(b"OBHO" + struct.pack("<IQ", word, len(text)) + text)

    def offer(self, *formats):
        packed = bytes([len(formats)])
        for number in formats:
            while number >= 128:
                packed += bytes([number % 128 + 128])
                number //= 128
            packed += bytes([number])
        self.say(OFFER, packed + b"\x04test")

    def hear(self):
        """The word, its text, and how many descriptors came with it, which are closed."""
        head, fds, _, _ = socket.recv_fds(self.socket, 16, 250)
        for fd in fds:
            os.close(fd)
        if len(head) < 16:
            return None, b"", 0
        word, size = struct.unpack("<IQ", head[4:])
        text = b""
        while len(text) < size:
            text += self.socket.recv(size - len(text))
        return word, text, len(fds)

    def take_tables(self):
        self.offer(FORMAT)
        assert self.hear()[0] == TERMS
        self.say(BEGIN)
        word, _, fds = self.hear()
        assert word == TABLES and fds == 3, (word, fds)

    def end(self):
        self.socket.close()


class HandoverCase(unittest.TestCase):
    def mount(self, name, *options, user="ada", volumes=("memory", "skills"), env=None):
        mount = site.add_mount(name, user, list(volumes), *options, env=env)
        self.addCleanup(self.end_mount, mount)
        return mount

    def end_mount(self, mount):
        if mount.program.process.poll() is None:
            mount.program.send(signal.SIGCONT)
            mount.program.end(signal.SIGKILL)
        for volume in mount.volumes:
            if mount.is_mounted(volume):
                subprocess.run(["umount", "-l", mount.at(volume)], stderr=subprocess.DEVNULL, check=False)
        site.mounts.remove(mount)

    def successor(self, mount, *options, before=(), env=None):
        return Program(mount.root + ".next.log", ["outboard-fuse", "--take-over", mount.control, *options],
                       before=before, env=env)

    def hand_over(self, mount, **how):
        fresh = self.successor(mount, **how)
        self.assertTrue(fresh.ready, fresh.words())
        old, mount.program = mount.program, fresh
        self.assertEqual(old.process.wait(10), 0, old.words())

    def assert_goes_on(self, mount):
        """The daemon that was to be replaced serves as before."""
        self.assertIsNone(mount.program.process.poll())
        name = mount.at("memory", f"goes on {time.monotonic()}")
        put(name, "x")
        self.assertEqual(get(name), "x")
        self.assertIn("this daemon goes on", mount.program.words())

    def status(self, mount):
        done = subprocess.run([os.path.join(BIN, "outboard"), "mount", "status", "--control", mount.control, "--json"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def views(self, mount, verb, view):
        done = subprocess.run([os.path.join(BIN, "outboard"), "mount", verb, view, "--control", mount.control],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def eventually(self, holds):
        until = time.monotonic() + 20
        while not holds():
            self.assertLess(time.monotonic(), until)


class Busy:
    """A thread that does one thing again and again, and keeps what went wrong and the longest it took."""

    def __init__(self, work):
        self.work, self.errors, self.longest, self.rounds = work, [], 0.0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            start = time.monotonic()
            try:
                wrong = self.work(self.rounds)
            except OSError as error:
                wrong = repr(error)
            self.longest = max(self.longest, time.monotonic() - start)
            if wrong:
                self.errors.append(wrong)
            self.rounds += 1

    def end(self):
        self.over.set()
        self.thread.join()


class Unnoticed(HandoverCase):
    def test_S59_ten_handovers_under_programs_that_read_append_and_hold(self):
        one, two = self.mount("one"), self.mount("two", user="bob")
        at = lambda name: one.at("memory", name)  # noqa: E731
        put(at("steady"), "steady" * 2000)
        put(at("written"), "0123456789")
        put(at("locked"), "x")
        os.mkdir(at("home"))
        os.mkdir(at("many"))
        for number in range(300):
            put(at(f"many/{number:03d}"), "")
        put(one.at("skills", "SKILL"), "skill")

        steady = os.open(at("steady"), os.O_RDONLY)
        self.addCleanup(os.close, steady)
        mapped = mmap.mmap(steady, 0, prot=mmap.PROT_READ)
        inos = {name: os.stat(at(name)).st_ino for name in ("steady", "written", "home", "many")}
        writer = subprocess.Popen([sys.executable, "-c", WRITER, at("written")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.assertEqual(writer.stdout.readline(), "012unsaved\n")
        locked = os.open(at("locked"), os.O_RDWR)
        fcntl.flock(locked, fcntl.LOCK_EX)
        gone = os.open(at("gone"), os.O_RDWR | os.O_CREAT)
        os.write(gone, b"nameless")
        os.unlink(at("gone"))
        os.setxattr(gone, "user.mark", b"its own")
        lodger = subprocess.Popen(["sh", "-c", "while read word; do pwd; echo $word > at-home; done"],
                                  cwd=at("home"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        listing = os.scandir(at("many"))
        names = [next(listing).name for _ in range(5)]
        log = os.open(at("log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def read_steady(number):
            data = os.pread(steady, 6, 6 * (number % 2000))
            fresh = get(at("steady"))
            if data != b"steady" or fresh != "steady" * 2000 or mapped[:6] != b"steady":
                return f"read {data} and {len(fresh)} characters"
            if get(one.at("skills", "SKILL")) != "skill":
                return "another skill"
            return None if os.stat(at("steady")).st_ino == inos["steady"] else "another number"

        def append_anew(number):
            put(at("appended"), f"{number}\n", "a")

        def append_on(number):
            os.write(log, f"{number}\n".encode())

        def make_and_remove(number):
            put(at(f"made-{number % 7}"), "x")
            os.rename(at(f"made-{number % 7}"), at("moved"))
            os.unlink(at("moved"))

        workers = [Busy(work) for work in (read_steady, append_anew, append_on, make_and_remove)]
        pauses = []
        for round_ in range(HANDOVERS):
            for worker in workers:
                worker.longest = 0.0
            rounds = [worker.rounds for worker in workers]
            self.hand_over(one)
            lodger.stdin.write(f"round-{round_}\n")
            lodger.stdin.flush()
            self.assertEqual(lodger.stdout.readline().strip(), at("home"))
            self.eventually(lambda: all(worker.rounds > was for worker, was in zip(workers, rounds)))  # pylint: disable=cell-var-from-loop
            pauses.append(max(worker.longest for worker in workers))
            holder = os.open(two.at("memory", "locked"), os.O_RDWR)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(holder)
        for worker in workers:
            worker.end()
        lodger.stdin.close()
        lodger.wait()
        lodger.stdout.close()
        self.assertEqual([worker.errors for worker in workers], [[], [], [], []])
        print(f"longest operation of a program during each of {HANDOVERS} handovers, ms: "
              + " ".join(f"{1000 * pause:.0f}" for pause in pauses), file=sys.stderr)

        self.assertEqual({name: os.stat(at(name)).st_ino for name in inos}, inos)
        names += [entry.name for entry in listing]
        self.assertEqual(sorted(names), [f"{number:03d}" for number in range(300)])
        self.assertEqual(os.pread(gone, 20, 0), b"nameless")
        self.assertEqual(os.getxattr(gone, "user.mark"), b"its own")
        os.close(gone)
        site.meet("memory", two)
        self.assertEqual(get(two.at("memory", "written")), "0123456789")
        writer.stdin.write("\n")
        writer.stdin.flush()
        self.assertEqual(writer.stdout.readline(), "012unsaved\n")
        writer.stdin.close()
        self.assertEqual(writer.wait(20), 0)
        writer.stdout.close()
        os.close(log)
        os.close(locked)
        site.meet("memory", two)
        self.assertEqual(get(two.at("memory", "written")), "012unsaved")
        self.assertEqual(get(two.at("memory", "home/at-home")), f"round-{HANDOVERS - 1}\n")
        for name, worker in (("appended", workers[1]), ("log", workers[2])):
            lines = get(two.at("memory", name)).splitlines()
            self.assertEqual(lines, [str(number) for number in range(worker.rounds)], name)
        holder = os.open(two.at("memory", "locked"), os.O_RDWR)
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(holder)

        # What is changed elsewhere goes on arriving: the old bytes stay where they were opened.
        put(two.at("memory", "steady"), "other")
        site.meet("memory", one)
        self.assertEqual(get(at("steady")), "other")
        self.assertEqual(os.pread(steady, 6, 0), b"steady")
        self.assertEqual(mapped[:6], b"steady")
        mapped.close()
        self.assertEqual(self.status(one)["handovers"], HANDOVERS)

    def test_S59_who_waits_for_a_lock_gets_it_from_the_next_daemon(self):
        one, two = self.mount("waiting"), self.mount("holding", user="bob")
        put(one.at("memory", "turn"), "x")
        site.meet("memory", two)
        holder = os.open(two.at("memory", "turn"), os.O_RDWR)
        fcntl.lockf(holder, fcntl.LOCK_EX)
        ear, mouth = os.pipe()
        program = ("import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDWR); print('asks', flush=True);"
                   "fcntl.lockf(fd, fcntl.LOCK_EX); print('has', flush=True); sys.stdin.read()")
        waiting = subprocess.Popen([sys.executable, "-c", program, one.at("memory", "turn")],
                                   stdin=ear, stdout=subprocess.PIPE, text=True)
        os.close(ear)
        self.assertEqual(waiting.stdout.readline(), "asks\n")
        self.eventually(lambda: self.waiting_locks(one) == 1)
        for _ in range(3):
            self.hand_over(one)
        os.close(holder)
        self.assertEqual(waiting.stdout.readline(), "has\n")
        holder = os.open(two.at("memory", "turn"), os.O_RDWR)
        with self.assertRaises(OSError):
            fcntl.lockf(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(mouth)
        self.assertEqual(waiting.wait(20), 0)
        waiting.stdout.close()
        fcntl.lockf(holder, fcntl.LOCK_EX)
        os.close(holder)

    def waiting_locks(self, mount):
        """Laid aside by the daemon: its requests that are asked for and not answered."""
        return sum(view["requests"].get("SETLKW", 0) for view in self.status(mount)["views"])

    def test_S59_a_publish_in_doubt_happens_once(self):
        one, two = self.mount("doubt", "--write-deadline", "1s"), self.mount("certain", user="bob")
        log = os.open(one.at("memory", "doubtful"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, b"once\n")
        site.server.send(signal.SIGSTOP)
        try:
            with self.assertRaises(OSError):
                os.close(log)
        finally:
            site.server.send(signal.SIGCONT)
        self.eventually(lambda: self.status(one)["connected"])
        self.hand_over(one)
        put(one.at("memory", "doubtful"), "behind\n", "a")
        site.meet("memory", two)
        self.assertEqual(get(two.at("memory", "doubtful")), "once\nbehind\n")
        self.assertEqual(get(one.at("memory", "doubtful")), "once\nbehind\n")

    def test_S59_the_next_daemon_has_the_same_user_no_rights_and_the_same_service_manager(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0outboard-handover-" + str(os.getpid()))
            manager.settimeout(30)
            told = {"NOTIFY_SOCKET": manager.getsockname().decode().replace("\0", "@"), "WATCHDOG_USEC": "200000"}
            place = os.path.join(site.root, "lesser")
            os.mkdir(place)
            os.chown(place, 1234, 1234)
            token, _ = site.mint("lesser", "ada", ["memory"])
            os.chown(token, 1234, 1234)
            os.chmod(site.root + "/s", 0o666)
            mount = Mount(site, "lesser-views", ["memory"], token, "--user", "1234", env={**os.environ, **told},
                          control=place + "/control")
            site.mounts.append(mount)
            self.addCleanup(self.end_mount, mount)
            self.assertTrue(mount.program.ready, mount.program.words())
            fresh, _ = site.mint("renewed", "bob", ["memory"])
            renewed = subprocess.run([os.path.join(BIN, "outboard"), "mount", "renew-token", fresh, "--control",
                                      mount.control], check=False, capture_output=True, text=True)
            self.assertEqual(renewed.returncode, 0, renewed.stderr)
            os.remove(token)
            self.hand_over(mount)
            with open(f"/proc/{mount.program.process.pid}/status", encoding="utf-8") as lines:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in lines)
            self.assertEqual(status["Uid"].split(), ["1234"] * 4)
            self.assertEqual(status["Gid"].split(), ["1234"] * 4)
            for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(status[name], 16), 0, name)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            put(mount.at("memory", "by the renewed token"), "x")
            self.assertEqual(os.getxattr(mount.at("memory", "by the renewed token"), "user.outboard.author"), b"bob")
            with open(fresh, encoding="utf-8") as file:
                self.assertNotIn(file.read().strip(), mount.program.words())
            # The former one says who is the main process, the next one that it is ready: in either order.
            heard = []
            while heard.count("READY=1") < 2 or f"MAINPID={mount.program.process.pid}" not in heard:
                heard += manager.recv(256).decode().split()
            self.assertEqual(manager.recv(256), b"WATCHDOG=1\n")

    def test_S61_a_successor_holds_no_more_names(self):
        mount = self.mount("small", "--tree-nodes", "0")
        memory = mount.at("memory")
        for name in ("a few", "a lot"):
            os.mkdir(f"{memory}/{name}")
        for number in range(30):
            put(f"{memory}/a lot/{number}", "x")
        self.hand_over(mount)
        self.assertEqual(len(os.listdir(f"{memory}/a lot")), 30)
        self.views(mount, "remove", memory)
        self.views(mount, "add", f"{memory}=acme/memory:rw")
        nodes = {view["path"]: view["nodes"] for view in self.status(mount)["views"]}
        self.assertLess(nodes[memory], 10)
        self.assertEqual(get(f"{memory}/a lot/7"), "x")

    def test_S59_a_view_in_another_is_handed_over_with_it(self):
        mount = self.mount("nest")
        memory = mount.at("memory")
        inner = f"{memory}/inner"
        self.views(mount, "add", f"{inner}=acme/skills:rw")
        put(f"{inner}/in the inner one", "x")
        held = os.open(f"{inner}/held", os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, held)
        os.write(held, b"unsaved")
        devices = [os.stat(place).st_dev for place in (memory, inner)]
        self.assertNotEqual(*devices)
        for _ in range(3):
            self.hand_over(mount)
            self.assertEqual([os.stat(place).st_dev for place in (memory, inner)], devices)
            self.assertEqual(get(f"{inner}/in the inner one"), "x")
            self.assertEqual(os.pread(held, 20, 0), b"unsaved")
            with self.assertRaises(OSError) as caught:
                os.rename(inner, f"{memory}/elsewhere")
            self.assertEqual(caught.exception.errno, errno.EBUSY)
        os.fsync(held)
        site.meet("skills", mount)
        self.assertEqual(get(mount.at("skills", "held")), "unsaved")

    def test_S59_the_past_stays_open(self):
        mount = self.mount("bygone")
        file = mount.at("memory", "told")
        for text in ("first", "second"):
            put(file, text)
        seq = site.head("memory")
        put(file, "third")
        tree = mount.at("memory", ".history", f"@{seq}")
        versions = mount.at("memory", ".history", "told")
        first = next(name for name in os.listdir(versions) if get(f"{versions}/{name}") == "first")
        held = [os.open(f"{versions}/{first}", os.O_RDONLY), os.open(f"{tree}/told", os.O_RDONLY)]
        inos = [os.fstat(fd).st_ino for fd in held]
        lodger = os.open(tree, os.O_DIRECTORY)
        for _ in range(3):
            self.hand_over(mount)
            self.assertEqual([os.pread(fd, 20, 0) for fd in held], [b"first", b"second"])
            self.assertEqual([os.fstat(fd).st_ino for fd in held], inos)
            again = os.open("told", os.O_RDONLY, dir_fd=lodger)
            self.assertEqual(os.read(again, 20), b"second")
            os.close(again)
            self.assertEqual(get(f"{versions}/{first}"), "first")
            self.assertEqual(get(file), "third")
        for fd in held + [lodger]:
            os.close(fd)

    def test_S59_a_view_that_was_handed_in_is_handed_on(self):
        token, _ = site.mint("given", "ada", ["memory"])
        place = os.path.join(site.root, "given")
        os.mkdir(place)
        os.mkdir(place + ".control")
        for theirs in (token, place + ".control"):
            os.chown(theirs, 65534, 65534)
        os.chmod(site.root + "/s", 0o666)
        fuse = os.open("/dev/fuse", os.O_RDWR)
        mount_at(place, fuse)
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
                  "--bounding-set=-all", "--no-new-privs"]
        control = place + ".control/socket"
        program = Program(place + ".log", [
            "outboard-fuse", "--server", site.address, "--token-file", token, "--control", control,
            "--mount", "/any/name=acme/memory:rw", "--fuse-fd", str(fuse)], before=nobody, keep=[fuse])
        os.close(fuse)
        self.addCleanup(lambda: program.process.kill())  # whichever it is by then
        self.assertTrue(program.ready, program.words())
        held = os.open(f"{place}/held", os.O_RDWR | os.O_CREAT)
        os.write(held, b"unsaved")
        for _ in range(3):
            fresh = Program(place + ".next.log", ["outboard-fuse", "--take-over", control], before=nobody)
            self.assertTrue(fresh.ready, fresh.words())
            self.assertEqual(program.process.wait(10), 0, program.words())
            program = fresh
            self.assertEqual(os.pread(held, 20, 0), b"unsaved")
        os.close(held)
        self.assertEqual(site.outboard("memory", "cat", "held", "--volume", "acme/memory"), "unsaved")
        self.assertEqual(program.end()[0], 0)
        with self.assertRaises(OSError) as caught:
            os.listdir(place)  # its mounter's to unmount, and dead
        self.assertEqual(caught.exception.errno, errno.ENOTCONN)

    def test_S59_figures_are_shown_where_they_were(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        mount = self.mount("figures", "--metrics", str(port))
        for _ in range(3):
            self.hand_over(mount)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as said:
                self.assertIn("outboard_mount_connected ", said.read().decode())

    def test_S59_the_end_is_as_ever(self):
        mount = self.mount("ending")
        self.hand_over(mount)
        put(mount.at("memory", "last"), "x")
        self.assertEqual(mount.program.end()[0], 0)
        self.assertFalse(mount.is_mounted("memory"))
        self.assertFalse(os.path.exists(mount.control))
        mount.start()
        self.hand_over(mount)
        mount.program.end(signal.SIGKILL)
        self.eventually(lambda: not mount.is_mounted("memory"))


class GoesOn(HandoverCase):
    def test_S59_a_successor_that_dies_halfway_changes_nothing(self):
        mount = self.mount("halfway")
        unsaved = os.open(mount.at("memory", "halfway"), os.O_RDWR | os.O_CREAT)
        os.write(unsaved, b"unsaved")
        for _ in range(3):
            successor = Successor(mount.control)
            successor.take_tables()
            successor.end()
        successor = Successor(mount.control)
        successor.offer(FORMAT)
        self.assertEqual(successor.hear()[0], TERMS)
        successor.end()
        self.assert_goes_on(mount)
        self.assertEqual(os.pread(unsaved, 9, 0), b"unsaved")
        os.close(unsaved)
        self.assertEqual(get(mount.at("memory", "halfway")), "unsaved")
        self.hand_over(mount)

    def test_S59_a_successor_that_is_killed_leaves_one_owner(self):
        """At whatever moment: either the daemon goes on, or the next one had it and is gone with the mount."""
        mount = self.mount("killed")
        went_on = 0
        for delay in range(12):
            log = os.open(mount.root + ".killed.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            fresh = subprocess.Popen([os.path.join(BIN, "outboard-fuse"), "--take-over", mount.control],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            os.close(log)
            try:
                fresh.wait(delay / 1000)
            except subprocess.TimeoutExpired:
                fresh.kill()
            fresh.wait()
            try:
                self.assertEqual(self.written(mount, "after a kill"), "x")
            except OSError:  # it was its mount when it was killed
                self.assertEqual(mount.program.process.wait(10), 0)
            if mount.program.process.poll() is not None:
                self.assertIn("another daemon has taken over", mount.program.words())
                break
            went_on += 1
        self.assertGreater(went_on, 0)

    def written(self, mount, name):
        put(mount.at("memory", name), "x")
        return get(mount.at("memory", name))

    def test_S59_a_successor_that_is_silent_is_late_for_ever(self):
        mount = self.mount("silent")
        put(mount.at("memory", "file"), "x")
        successor = Successor(mount.control)
        successor.take_tables()
        start = time.monotonic()
        put(mount.at("memory", "file"), "waited")
        self.assertLess(time.monotonic() - start, PAUSE_SECONDS + 10)
        with self.assertRaises(BrokenPipeError):
            successor.say(TAKEN)
        successor.end()
        self.assertEqual(get(mount.at("memory", "file")), "waited")
        self.assert_goes_on(mount)

    def test_S59_a_frozen_daemon_is_not_taken_over(self):
        mount = self.mount("frozen")
        mount.program.send(signal.SIGSTOP)
        start = time.monotonic()
        fresh = self.successor(mount)
        self.assertFalse(fresh.ready)
        self.assertEqual(fresh.process.wait(30), 1)
        self.assertLess(time.monotonic() - start, 3 * PAUSE_SECONDS)
        self.assertIn("did not answer in time", fresh.words())
        mount.program.send(signal.SIGCONT)
        self.eventually(lambda: "this daemon goes on" in mount.program.words())
        self.assert_goes_on(mount)

    def test_S59_an_unknown_format_is_refused_in_words(self):
        mount = self.mount("formats")
        successor = Successor(mount.control)
        successor.offer(999)
        word, text, _ = successor.hear()
        successor.end()
        self.assertEqual(word, REFUSAL)
        self.assertIn(b"reads only: 999", text)
        self.assert_goes_on(mount)
        # And the other way round: a daemon that says what the new one does not understand.
        place = os.path.join(site.root, "stranger")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.bind(place)
            stranger.listen()

            def answer():
                peer, _ = stranger.accept()
                peer.recv(4096)
                text = b"another format"
                socket.send_fds(peer, [b"OBHO" + struct.pack("<IQ", TERMS, len(text)) + text], [stranger.fileno()])
                peer.recv(4096)
                peer.close()

            thread = threading.Thread(target=answer)
            thread.start()
            fresh = Program(place + ".log", ["outboard-fuse", "--take-over", place])
            thread.join()
            self.assertEqual(fresh.process.wait(30), 1)
            self.assertIn("cannot be read", fresh.words())

    def test_S59_only_its_user_and_root_may(self):
        mount = self.mount("guarded")
        stranger = ["setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups"]
        fresh = self.successor(mount, before=stranger)
        self.assertEqual(fresh.process.wait(30), 1)
        self.assertIn("no daemon answers", fresh.words())
        os.chmod(mount.control, 0o666)
        fresh = self.successor(mount, before=stranger)
        self.assertEqual(fresh.process.wait(30), 1)
        self.assertIn("may take its mounts over", fresh.words())
        self.assert_goes_on(mount)

    def test_S59_who_may_not_is_told_so_at_once(self):
        mount = self.mount("barred")
        os.chmod(mount.control, 0o666)
        site.server.end(signal.SIGKILL)
        try:
            self.eventually(lambda: not self.status(mount)["connected"])
            fresh = self.successor(mount, before=["setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups"])
            self.assertEqual(fresh.process.wait(30), 1)
            self.assertIn("may take its mounts over", fresh.words())
        finally:
            site.start_server()
        self.eventually(lambda: self.status(mount)["connected"])
        self.assert_goes_on(mount)

    def test_S12_who_could_not_tell_watchers_does_not_take_over(self):
        place = os.path.join(site.root, "telling")
        os.mkdir(place)
        os.chown(place, 4321, 4321)
        token, _ = site.mint("telling", "ada", ["memory"])
        os.chown(token, 4321, 4321)
        os.chmod(site.root + "/s", 0o666)
        mount = Mount(site, "telling-views", ["memory"], token, "--user", "4321", "--inotify",
                      control=place + "/control")
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertTrue(mount.program.ready, mount.program.words())
        fresh = self.successor(mount, before=["setpriv", "--reuid", "4321", "--regid", "4321", "--clear-groups"])
        self.assertEqual(fresh.process.wait(40), 1)
        self.assertIn("--inotify", fresh.words())
        self.eventually(lambda: "this daemon goes on" in mount.program.words())
        self.assert_goes_on(mount)
        self.hand_over(mount)

    def test_S59_without_the_server_nothing_changes_hands(self):
        mount = self.mount("alone")
        put(mount.at("memory", "cached"), "x")
        self.assertEqual(get(mount.at("memory", "cached")), "x")
        site.server.end(signal.SIGKILL)
        try:
            fresh = self.successor(mount)
            self.assertEqual(fresh.process.wait(40), 1)
            self.assertTrue(re.search("server|in time", fresh.words()), fresh.words())
            self.assertEqual(get(mount.at("memory", "cached")), "x")
        finally:
            site.start_server()
        self.eventually(lambda: self.status(mount)["connected"])
        self.hand_over(mount)
        self.assertEqual(get(mount.at("memory", "cached")), "x")


if __name__ == "__main__":
    unittest.main(verbosity=2)
