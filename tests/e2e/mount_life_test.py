#!/usr/bin/python3
"""The life of a mount daemon: what it says of itself, who tells it what, what it may do, how it ends."""

import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment  # noqa: E402

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
    def mount(self, name, *options, user="ada", volumes=("memory",), mode="rw", env=None):
        mount = site.add_mount(name, user, list(volumes), *options, mode=mode, env=env)
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


class Told(LifeCase):
    """By the command on the control socket, and by the service manager."""

    def tell(self, mount, *words, given="", code=0):
        done = subprocess.run([os.path.join(BIN, "outboard"), "mount", *words, "--control", mount.control],
                              input=given, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_S6_barrier_waits_and_prints_the_seqs(self):
        mount = self.mount("waiting", volumes=("memory", "skills"))
        site.sql("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/told.md', 'x')")
        said = self.tell(mount, "barrier")
        self.assertEqual(get(mount.at("memory", "told.md")), "x")
        self.assertEqual(said, f"acme/memory {site.head('memory')}\nacme/skills {site.head('skills')}\n")
        head = site.head("memory")
        self.assertEqual(self.tell(mount, "barrier", f"acme/memory={head}"), f"acme/memory {head}\n")
        late = self.tell(mount, "barrier", f"acme/memory={head + 1}", "--timeout", "1s", code=3)
        self.assertIn(f"seq {head + 1}", late)
        self.assertIn("acme/none", self.tell(mount, "barrier", "acme/none=1", code=1))

    def test_S41_a_token_is_renewed_without_a_remount(self):
        mount = self.mount("renewed")
        with open(os.path.join(site.root, "renewed.token"), encoding="utf-8") as file:
            old = file.read().strip()
        fresh, _ = site.mint("fresh", "bob", ["memory"])
        stranger, _ = site.mint("stranger", "bob", ["skills"])
        self.assertIn("hint", self.tell(mount, "renew-token", "-", given="ob_nonsense\n", code=1))
        self.tell(mount, "renew-token", stranger, code=1)
        put(mount.at("memory", "by ada"), "x")
        self.tell(mount, "renew-token", fresh)
        put(mount.at("memory", "by bob"), "x")
        authors = [os.getxattr(mount.at("memory", name), "user.outboard.author") for name in ("by ada", "by bob")]
        self.assertEqual(authors, [b"ada", b"bob"])
        with open(fresh, encoding="utf-8") as file:
            new = file.read().strip()
        for secret in (old, new, "ob_nonsense"):
            self.assertNotIn(secret, mount.program.words())

    def test_the_service_manager_hears_of_the_start_the_life_and_the_end(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0outboard-notify-" + str(os.getpid()))
            manager.settimeout(30)
            told = {"NOTIFY_SOCKET": manager.getsockname().decode().replace("\0", "@"), "WATCHDOG_USEC": "200000"}
            mount = self.mount("managed", env={**os.environ, **told})
            self.assertTrue(mount.is_mounted("memory"))
            self.assertEqual(manager.recv(256), b"READY=1\n")
            for _ in range(3):
                self.assertEqual(manager.recv(256), b"WATCHDOG=1\n")
            self.assertEqual(mount.program.end()[0], 0)
            said = b"WATCHDOG=1\n"
            while said == b"WATCHDOG=1\n":
                said = manager.recv(256)
            self.assertEqual(said, b"STOPPING=1\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
