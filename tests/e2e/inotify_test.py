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
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

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


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def get(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


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


if __name__ == "__main__":
    unittest.main(verbosity=2)
