#!/usr/bin/python3
"""Watchers in one sandbox see what is done in another, when its mount was started with --inotify: as if it were done there.
And that nothing else comes of it: what the teller makes is nowhere made, and nobody hangs."""

import ctypes
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, Program, get, put  # noqa: E402

SECONDS = 20  # an event that takes as long does not come
NAMES = {0x2: "MODIFY", 0x4: "ATTRIB", 0x8: "CLOSE_WRITE", 0x20: "OPEN", 0x40: "MOVED_FROM", 0x80: "MOVED_TO",
         0x100: "CREATE", 0x200: "DELETE"}
WATCHED = sum(NAMES)
IS_DIRECTORY = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory")
    site.a = site.add_mount("a", "ada", ["memory"])
    # Of what is not here nobody could be told: all is, whatever its budget. [S61]
    site.b = site.add_mount("b", "bob", ["memory"], "--inotify", "--tree-nodes", "0")
    site.c = site.add_mount("c", "bob", ["memory"])


class Watcher:
    """Of one directory, as a program does it."""

    def __init__(self, directory):
        self.fd, self.more = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), []
        assert libc.inotify_add_watch(self.fd, directory.encode(), WATCHED) >= 0, ctypes.get_errno()

    def events(self, until, seconds=SECONDS):
        """All events up to the one that `until` names, as "CREATE name"; a directory's name ends in "/"."""
        found, end = self.more, time.monotonic() + seconds
        while until not in found:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{until} did not come, but {found}")
            data, place = os.read(self.fd, 65536), 0
            while place < len(data):
                _, mask, _, size = struct.unpack_from("iIII", data, place)
                name = data[place + 16:place + 16 + size].rstrip(b"\0").decode()
                found.append(f"{NAMES.get(mask & WATCHED, mask)} {name}{'/' if mask & IS_DIRECTORY else ''}")
                place += 16 + size
        to = found.index(until) + 1
        self.more = found[to:]
        return found[:to]

    def close(self):
        os.close(self.fd)


def holds(pid, secret):
    """Whether the memory of a process has it."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            start, end = (int(place, 16) for place in line.split()[0].split("-"))
            if "rw" not in line:
                continue
            for place in range(start, end, 1 << 20):
                try:
                    memory.seek(place)
                    if secret in memory.read(min(end - place, (1 << 20) + len(secret))):
                        return True
                except OSError:
                    break
    return False


class InotifyCase(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1]
        os.mkdir(site.a.at("memory", self.name))
        site.meet("memory", site.b, site.c)
        self.there, self.here = site.a.at("memory", self.name), site.b.at("memory", self.name)
        self.watcher = Watcher(self.here)
        self.addCleanup(self.watcher.close)

    def head(self):
        return site.head("memory")

    def test_S12_what_is_done_elsewhere_is_seen(self):
        put(f"{self.there}/made", "one")
        self.assertEqual(self.watcher.events("MODIFY made"), ["CREATE made", "OPEN made", "CLOSE_WRITE made", "OPEN made",
                                                             "MODIFY made"])
        self.watcher.events("CLOSE_WRITE made")
        put(f"{self.there}/made", "two")
        self.assertEqual(self.watcher.events("CLOSE_WRITE made"), ["OPEN made", "MODIFY made", "CLOSE_WRITE made"])
        self.assertEqual(get(f"{self.here}/made"), "two")
        self.watcher.events("OPEN made")
        os.chmod(f"{self.there}/made", 0o755)
        self.watcher.events("ATTRIB made")
        os.rename(f"{self.there}/made", f"{self.there}/moved")
        self.assertEqual(self.watcher.events("MOVED_TO moved")[-2:], ["MOVED_FROM made", "MOVED_TO moved"])
        os.mkdir(f"{self.there}/folder")
        self.watcher.events("CREATE folder/")
        os.symlink("moved", f"{self.there}/link")
        self.watcher.events("CREATE link")
        os.rmdir(f"{self.there}/folder")
        self.watcher.events("DELETE folder/")
        os.unlink(f"{self.there}/moved")
        self.watcher.events("DELETE moved")
        self.assertEqual(os.listdir(self.here), ["link"])
        self.assertEqual(os.readlink(f"{self.here}/link"), "moved")

    def line(self, stream):
        """The next one; the stream is not buffered."""
        said = b""
        while not said.endswith(b"\n"):
            self.assertTrue(select.select([stream], [], [], SECONDS)[0], f"nothing comes behind {said}")
            said += stream.read(1)
        return said.decode().strip()

    def test_S12_inotifywait_and_sql(self):
        watcher = subprocess.Popen(["inotifywait", "-m", "-e", "create,modify,delete", "--format", "%e %f", self.here],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        try:
            while "established" not in self.line(watcher.stderr):
                pass
            site.sql(f"INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/{self.name}/row', 'x')")
            site.sql(f"DELETE FROM outboard.memory_files WHERE path = '/{self.name}/row'")
            said = []
            while "DELETE row" not in said:
                said.append(self.line(watcher.stdout))
            self.assertEqual(said[0], "CREATE row")
        finally:
            watcher.send_signal(signal.SIGTERM)
            watcher.communicate(timeout=SECONDS)

    def test_S12_what_is_told_is_not_done(self):
        """The log has what was done elsewhere and nothing more; whoever looked before, after or meanwhile sees the same."""
        before = self.head()
        for number in range(50):
            path = f"{self.there}/f{number}"
            os.path.exists(f"{self.here}/f{number}")   # an absence that must not be in the teller's way
            put(path, "x")
            if number % 2:
                site.meet("memory", site.b)
                self.assertEqual(get(f"{self.here}/f{number}"), "x")
            os.rename(path, path + ".moved")
            os.path.exists(path)
            os.unlink(path + ".moved")
        done = self.head() - before
        seen = self.watcher.events("DELETE f49.moved")
        for number in range(50):
            places = [seen.index(f"{event} f{number}{end}") for event, end in
                      (("CREATE", ""), ("MOVED_FROM", ""), ("MOVED_TO", ".moved"), ("DELETE", ".moved"))]
            self.assertEqual(places, sorted(places))
        self.assertEqual(self.head() - before, done)
        self.assertEqual(os.listdir(self.here), [])
        self.assertEqual(os.listdir(self.there), [])

    def test_S12_own_changes_are_seen_once(self):
        put(f"{self.here}/own", "x")
        put(f"{self.there}/end", "x")
        seen = self.watcher.events("CREATE end")
        self.assertEqual(seen.count("CREATE own"), 1)

    def test_S12_others_see_what_they_saw(self):
        """A mount without the option tells nobody, and one whose daemon is killed leaves no process behind."""
        silent = Watcher(site.c.at("memory", self.name))
        self.addCleanup(silent.close)
        put(f"{self.there}/f", "x")
        self.watcher.events("CREATE f")
        site.meet("memory", site.c)
        with self.assertRaises(AssertionError):
            silent.events("CREATE f", 0.2)
        mount = site.add_mount("killed", "bob", ["memory"], "--inotify")
        teller = int(subprocess.check_output(["pgrep", "-P", str(mount.program.process.pid), "fuse-teller"]))
        handle = os.pidfd_open(teller)
        self.addCleanup(os.close, handle)
        mount.program.end(signal.SIGKILL)
        self.assertTrue(select.select([handle], [], [], SECONDS)[0], "it lives on")

    def hand_over(self, mount):
        """To a next daemon. While somebody is being told, the answer can be "try again"."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            fresh = Program(f"{mount.root}.next.log", ["outboard-fuse", "--take-over", mount.control])
            if fresh.ready:
                old, mount.program = mount.program, fresh
                self.assertEqual(old.process.wait(10), 0, old.words())
                return
            self.assertEqual(fresh.process.wait(SECONDS), 1)
            self.assertIn("try again", fresh.words())
        raise AssertionError("nobody could take over")

    def teller_of(self, mount):
        return int(subprocess.check_output(["pgrep", "-P", str(mount.program.process.pid), "fuse-teller"]))

    def test_S12_S59_each_change_is_told_once_whoever_is_the_daemon(self):
        """Changes go on while daemons follow each other, and what is told is in order, and nowhere done."""
        over, done = threading.Event(), []

        def change():
            while not over.is_set():
                name = f"f{len(done)}"
                put(f"{self.there}/{name}", "x")
                os.rename(f"{self.there}/{name}", f"{self.there}/{name}.moved")
                os.unlink(f"{self.there}/{name}.moved")
                done.append(name)

        thread = threading.Thread(target=change)
        thread.start()
        self.addCleanup(over.set)
        tellers = []
        for _ in range(3):
            tellers.append(os.pidfd_open(self.teller_of(site.b)))
            self.addCleanup(os.close, tellers[-1])
            rounds = len(done)
            self.hand_over(site.b)
            while len(done) < rounds + 5:
                over.wait(0.01)
        over.set()
        thread.join()
        put(f"{self.there}/end", "x")
        seen = self.watcher.events("CREATE end")
        told = [event for event in seen if event.split()[0] in ("CREATE", "MOVED_FROM", "MOVED_TO", "DELETE")]
        wanted = [event for name in done for event in
                  (f"CREATE {name}", f"MOVED_FROM {name}", f"MOVED_TO {name}.moved", f"DELETE {name}.moved")]
        self.assertEqual(told, wanted + ["CREATE end"])
        self.assertEqual(os.listdir(self.here), ["end"])
        self.assertEqual(os.listdir(self.there), ["end"])
        for teller in tellers:
            self.assertTrue(select.select([teller], [], [], SECONDS)[0], "a former daemon's teller lives on")

    def test_S12_S59_what_waits_to_be_told_is_told_by_the_next_daemon(self):
        """While somebody is being told, nobody takes over; and what came meanwhile is told once."""
        teller = os.pidfd_open(self.teller_of(site.b))
        self.addCleanup(os.close, teller)
        signal.pidfd_send_signal(teller, signal.SIGSTOP)
        try:
            names = [f"f{number}" for number in range(20)]
            for name in names:
                put(f"{self.there}/{name}", "x")
            site.meet("memory", site.b)
            fresh = Program(f"{site.b.root}.next.log", ["outboard-fuse", "--take-over", site.b.control])
            self.assertEqual(fresh.process.wait(SECONDS), 1)
            self.assertIn("try again", fresh.words())
        finally:
            signal.pidfd_send_signal(teller, signal.SIGCONT)
        self.hand_over(site.b)
        seen = self.watcher.events(f"CREATE {names[-1]}")
        self.assertEqual([event for event in seen if event.startswith("CREATE")], [f"CREATE {name}" for name in names])

    def test_S12_S60_the_next_teller_has_no_token(self):
        mount = site.add_mount("next", "bob", ["memory"], "--inotify")
        with open(mount.words[mount.words.index("--token-file") + 1], "rb") as file:
            token = file.read().strip()
        self.hand_over(mount)
        self.assertTrue(holds(mount.program.process.pid, token), "it is not looked for where it can be found")
        self.assertFalse(holds(self.teller_of(mount), token))


if __name__ == "__main__":
    unittest.main(verbosity=2)
