#!/usr/bin/python3
"""The life of a mount daemon: what it says of itself, who tells it what, what it may do, how it ends."""

import errno
import fcntl
import os
import re
import signal
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

site = None


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.start_server()
    site.outboard("org", "create", "acme")
    for user in ("ada", "bob"):
        site.outboard("user", "create", f"acme/{user}")
    for volume in ("memory", "skills", "careful"):
        site.outboard("volume", "create", f"acme/{volume}")
    site.outboard("volume", "set", "acme/careful", "--policy", "refuse")


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def get(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class LifeCase(unittest.TestCase):
    def mount(self, name, *options, user="ada", volumes=("memory",), mode="rw"):
        mount = site.add_mount(name, user, list(volumes), *options, mode=mode)
        self.addCleanup(self.end_mount, mount)
        return mount

    def end_mount(self, mount):
        if mount.program.process.poll() is None:
            mount.program.end(signal.SIGKILL)
        for volume in mount.volumes:
            if mount.is_mounted(volume):
                os.system(f"umount -l '{mount.at(volume)}'")
        site.mounts.remove(mount)

    def eventually(self, holds):
        until = time.monotonic() + 20
        while not holds():
            self.assertLess(time.monotonic(), until)


class Figures(LifeCase):
    def scrape(self, mount, view="memory"):
        """Name and labels other than the view's → value."""
        at = re.search(r"http://[\d.:]+/metrics", mount.program.words()).group(0)
        with urllib.request.urlopen(at, timeout=20) as said:
            lines = said.read().decode().splitlines()
        labels = f'view="{mount.at(view)}",volume="acme/{view}"'
        figures = {}
        for line in lines:
            if line.startswith("#"):
                continue
            name, value = line.rsplit(" ", 1)
            if labels in name:
                name = name.replace(labels, "").replace("{,", "{").replace("{}", "")
            figures[name] = float(value)
        return figures

    def test_figures_tell_what_a_mount_does(self):
        mount = self.mount("figures", "--metrics", "0", volumes=("memory", "careful"))
        other = self.mount("other", user="bob", volumes=("careful",))
        large = mount.at("memory", "large")
        put(large, "x" * 3_000_000)
        put(mount.at("memory", "small"), "small")
        site.meet("memory", mount)
        get(large)
        figures = self.scrape(mount)
        self.assertEqual(figures["outboard_mount_connected"], 1)
        self.assertEqual(figures["outboard_mount_seq"], site.head("memory"))
        self.assertEqual(figures["outboard_mount_lag_changes"], 0)
        self.assertEqual(figures["outboard_mount_stale"], 0)
        self.assertEqual(figures["outboard_mount_unsaved_bytes"], 0)
        self.assertEqual(figures['outboard_mount_publishes_total{answer="ok"}'], 2)
        self.assertGreaterEqual(figures['outboard_mount_requests_total{operation="CREATE"}'], 2)
        self.assertEqual(figures['outboard_mount_errors_total{errno="EIO"}'], 0)
        self.assertGreater(figures["outboard_mount_nodes"], 2)
        self.assertGreater(figures["outboard_mount_cache_bytes"], 0)
        self.assertGreater(figures["outboard_mount_cache_blocks"], 0)
        self.assertGreater(figures["outboard_mount_cache_misses_total"]
                           + figures["outboard_mount_cache_hits_total"], 0)

        with open(mount.at("memory", "small"), "r+", encoding="utf-8") as file:
            file.write("unsaved")
            file.flush()
            figures = self.scrape(mount)
            self.assertEqual(figures["outboard_mount_unsaved_bytes"], len("unsaved"))
            self.assertEqual(figures["outboard_mount_open_files"], 1)
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.assertEqual(self.scrape(mount)["outboard_mount_locks_held"], 1)
        self.assertEqual(self.scrape(mount)["outboard_mount_locks_held"], 0)

        # A conflict: what was based on a version that somebody else has replaced.
        put(mount.at("careful", "file"), "one")
        site.meet("careful", mount, other)
        file = os.open(mount.at("careful", "file"), os.O_RDWR)
        os.pwrite(file, b"two", 0)
        put(other.at("careful", "file"), "three")
        site.meet("careful", mount)
        with self.assertRaises(OSError) as caught:
            os.close(file)
        self.assertEqual(caught.exception.errno, errno.ESTALE)
        self.eventually(lambda: self.scrape(mount, "careful")['outboard_mount_conflicts_total{end="beside"}'] == 1)
        figures = self.scrape(mount, "careful")
        self.assertGreaterEqual(figures['outboard_mount_publishes_total{answer="conflict"}'], 1)
        self.assertGreaterEqual(figures['outboard_mount_conflicts_total{end="refused"}'], 1)
        self.assertGreaterEqual(figures['outboard_mount_errors_total{errno="ESTALE"}'], 1)

        site.server.end(signal.SIGKILL)
        try:
            self.eventually(lambda: self.scrape(mount)["outboard_mount_stale"] == 1)
            self.assertEqual(self.scrape(mount)["outboard_mount_connected"], 0)
        finally:
            site.start_server()
        self.eventually(lambda: self.scrape(mount)["outboard_mount_stale"] == 0)

    def test_a_mount_shows_no_figures_unless_it_is_told_to(self):
        mount = self.mount("silent")
        self.assertNotIn("/metrics", mount.program.words())

        def listening():
            found = set()
            for table in ("tcp", "tcp6"):
                with open(f"/proc/{mount.program.process.pid}/net/{table}", encoding="utf-8") as lines:
                    found |= {line.split()[9] for line in lines if " 0A " in line}
            return found

        held = set()
        fds = f"/proc/{mount.program.process.pid}/fd"
        for fd in os.listdir(fds):
            target = os.readlink(os.path.join(fds, fd))
            held |= set(re.findall(r"socket:\[(\d+)\]", target))
        self.assertEqual(held & listening(), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
