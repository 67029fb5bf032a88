#!/usr/bin/python3
"""Contents on the disk of a machine, from one mount daemon to the next and to those beside it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment, Mount, Program, get  # noqa: E402

USER = 12345
SIZES = {"small": 300, "page": 20_000, "chunks": 300_000, "large": 3_500_000}

site = None


def setUpModule():
    global site
    site = Deployment.of_module()


def text(size):
    return "".join(f"{line} of {size}\n" for line in range(size // 5))[:size]


class CacheCase(unittest.TestCase):
    def setUp(self):
        """A volume of its own with files of all sizes, and a directory for their contents."""
        self.volume = self.id().rsplit("_", 1)[-1].lower()
        site.outboard("volume", "create", f"acme/{self.volume}")
        self.token, _ = site.mint(self.volume, "ada", [self.volume])
        self.cache = os.path.join(site.root, "cache-" + self.volume)
        self.home = os.path.join(site.root, "home-" + self.volume)
        for place in (self.cache, self.home):
            os.mkdir(place, 0o700)
        writer = self.mount("writer", cache=False)
        for name, size in SIZES.items():
            with open(writer.at(self.volume, name), "w", encoding="utf-8") as file:
                file.write(text(size))
        self.end(writer)

    def mount(self, name, *options, cache=True):
        name = f"{name}-{self.volume}"
        if cache:
            options += ("--cache-dir", self.cache)
        mount = Mount(site, name, [self.volume], self.token, "--metrics", "0", *options,
                      control=os.path.join(self.home, name))
        site.mounts.append(mount)
        self.addCleanup(self.end, mount)
        self.assertTrue(mount.program.ready, mount.program.words())
        return mount

    def end(self, mount):
        if mount.program.process.poll() is None:
            mount.program.end()
        if mount in site.mounts:
            site.mounts.remove(mount)

    def read_all(self, mount):
        for name, size in SIZES.items():
            self.assertEqual(get(mount.at(self.volume, name)), text(size), name)

    def asked(self, mount):
        """How often a read had to ask the server."""
        at = re.findall(r"http://[\d.:]+/metrics", mount.program.words())[-1]
        with urllib.request.urlopen(at, timeout=20) as said:
            lines = said.read().decode().splitlines()
        counts = [float(line.rsplit(" ", 1)[1]) for line in lines
                  if line.startswith("outboard_mount_cache_misses_total")]
        self.assertEqual(len(counts), 1)
        return counts[0]

    def disk(self, mount):
        done = subprocess.run([os.path.join(BIN, "outboard"), "mount", "status", "--control", mount.control, "--json"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["disk_cache"]

    def entries(self):
        return [os.path.join(place, name) for place, _, names in os.walk(self.cache)
                for name in names if name != "usage"]

    def eventually(self, holds):
        until = time.monotonic() + 20
        while not holds():
            self.assertLess(time.monotonic(), until)


class Kept(CacheCase):
    def test_S65_the_next_daemon_asks_for_no_content_next(self):
        first = self.mount("first")
        self.read_all(first)
        self.assertGreater(self.asked(first), 0)
        self.end(first)
        second = self.mount("second")
        self.read_all(second)
        self.assertEqual(self.asked(second), 0)
        disk = self.disk(second)
        self.assertEqual((disk["directory"], disk["failing"]), (self.cache, False))
        self.assertGreaterEqual(disk["hits"], 4)
        self.assertGreater(disk["bytes"], sum(SIZES.values()))

    def test_S65_another_user_without_rights_keeps_and_finds_user(self):
        for place in (self.cache, self.home, self.token):
            os.chown(place, USER, USER)
        for asked in (True, False):
            mount = self.mount("lesser", "--user", str(USER))
            self.read_all(mount)
            self.assertEqual(self.asked(mount) > 0, asked)
            self.end(mount)
        self.assertTrue(all(os.stat(entry).st_uid == USER for entry in self.entries()))

    def test_S65_a_daemon_that_is_killed_leaves_nothing_wrong_killed(self):
        for _ in range(5):
            mount = self.mount("killed")
            self.read_all(mount)
            mount.program.end(signal.SIGKILL)
            self.eventually(lambda mount=mount: not mount.is_mounted(self.volume))
        mount = self.mount("after")
        self.read_all(mount)

    def test_S65_two_beside_each_other_share_it_share(self):
        one, two = self.mount("one"), self.mount("two")
        self.read_all(one)
        self.eventually(lambda: len(self.entries()) >= 7)
        self.assertGreater(self.asked(one), 0)
        for name in ("chunks", "large"):
            self.assertEqual(get(two.at(self.volume, name)), text(SIZES[name]))
        self.assertEqual(self.asked(two), 0)

    def test_S59_a_successor_has_it_too_successor(self):
        mount = self.mount("handed")
        self.read_all(mount)
        self.eventually(lambda: len(self.entries()) >= 7)
        fresh = Program(mount.root + ".next.log", ["outboard-fuse", "--take-over", mount.control])
        self.assertTrue(fresh.ready, fresh.words())
        old, mount.program = mount.program, fresh
        self.assertEqual(old.process.wait(10), 0, old.words())
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
            drop.write("1")
        self.read_all(mount)
        self.assertEqual(self.asked(mount), 0)
        self.assertGreater(self.disk(mount)["hits"], 0)


class Purged(CacheCase):
    def redact(self, name):
        site.outboard("redact", name, "--volume", f"acme/{self.volume}", "--yes")

    def test_S65_redacted_is_gone_from_the_disk_of_every_daemon_purged(self):
        one, two = self.mount("one"), self.mount("two")
        self.read_all(one)
        self.read_all(two)
        self.eventually(lambda: len(self.entries()) >= 7)
        before = len(self.entries())
        self.redact("large")
        for mount in (one, two):
            mount.barrier(self.volume, site.head(self.volume))
        self.assertEqual(len(self.entries()), before - 4)
        self.end(two)
        self.redact("small")
        one.barrier(self.volume, site.head(self.volume))
        self.end(one)
        third = self.mount("third")
        for name in ("large", "small"):
            with self.assertRaises(OSError):
                get(third.at(self.volume, name))
        self.assertEqual(get(third.at(self.volume, "chunks")), text(SIZES["chunks"]))


class Refused(CacheCase):
    def test_S65_an_open_directory_is_refused_in_words_open(self):
        for mode, owner, word in ((0o750, 0, "chmod 700"), (0o702, 0, "chmod 700"), (0o700, USER, "must belong to user 0")):
            os.chown(self.cache, owner, owner)
            os.chmod(self.cache, mode)
            mount = Mount(site, "refused-" + self.volume, [self.volume], self.token, "--cache-dir", self.cache)
            self.assertEqual(mount.program.process.wait(20), 1)
            self.assertIn(word, mount.program.words())
        self.assertEqual(self.entries(), [])


if __name__ == "__main__":
    unittest.main()
