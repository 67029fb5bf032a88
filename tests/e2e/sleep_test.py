#!/usr/bin/python3
"""A mount daemon that was stopped without being told: it shows nothing that it missed, and hangs nobody."""

import contextlib
import os
import signal
import sys
import time
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, get  # noqa: E402

FILES = 3000
WAKE = 2.0    # seconds, kSleptAfter and kWakeWait, and as long as a strict publish waits
SLACK = 8.0   # that a busy machine may add
site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory")
    site.outboard("volume", "create", "acme/ledger", "--strict")
    site.a = site.add_mount("a", "ada", ["memory", "ledger"])
    site.b = site.add_mount("b", "bob", ["memory", "ledger"])
    site.hasty = site.add_mount("hasty", "bob", ["ledger"], "--read-deadline", "3s")
    os.mkdir(site.a.at("memory", "one"))
    site.meet("memory", site.b)


@contextlib.contextmanager
def asleep(mount, long_enough):
    """Stopped, for as long as `long_enough` takes, which is longer than a daemon takes for a sleep."""
    mount.program.send(signal.SIGSTOP)
    try:
        yield
        start = time.monotonic()
        long_enough()
        assert time.monotonic() - start > WAKE
    finally:
        mount.program.send(signal.SIGCONT)


def publish_strictly():
    """Waits for the mount that does not answer."""
    with open(site.a.at("ledger", "f"), "w", encoding="utf-8") as file:
        file.write("x")
    os.rename(site.a.at("ledger", "f"), site.a.at("ledger", "g"))


def ask_in_vain():
    """Of a strict volume, until the mount's deadline."""
    with contextlib.suppress(OSError):
        os.listdir(site.hasty.at("ledger"))


class SleepCase(unittest.TestCase):
    def write(self, folder, word):
        site.sql(f"INSERT INTO outboard.memory_files (org, path, content) SELECT 'acme', '/{folder}/f' || n, '{word}' "
                 f"FROM generate_series(1, {FILES}) n ON CONFLICT DO NOTHING")

    def stale(self):
        with grpc.insecure_channel("unix:" + site.b.control) as channel:
            stub = site.mount_grpc.MountServiceStub(channel)
            status = stub.Status(site.mount.MountStatusRequest(), timeout=SLACK, wait_for_ready=True)
        return [view.stale for view in status.views if view.view.volume == "acme/memory"][0]

    def await_current(self):
        end = time.monotonic() + 2 * SLACK
        while self.stale():
            self.assertLess(time.monotonic(), end)

    def test_S55_what_was_missed_is_there_at_the_first_look(self):
        self.assertEqual(os.listdir(site.b.at("memory", "one")), [])
        with asleep(site.b, publish_strictly):
            self.write("one", "new")
        self.assertEqual(get(site.b.at("memory", "one", f"f{FILES}")), "new")
        self.assertEqual(len(os.listdir(site.b.at("memory", "one"))), FILES)

    def test_S55_with_the_server_away_it_says_that_it_is_stale_and_hangs_nobody(self):
        self.await_current()
        site.server.send(signal.SIGSTOP)
        try:
            with asleep(site.b, ask_in_vain):
                pass
            start = time.monotonic()
            self.assertFalse(os.path.exists(site.b.at("memory", "never")))
            self.assertTrue(self.stale())
            self.assertFalse(os.path.exists(site.b.at("memory", "nor this")))
            self.assertLess(time.monotonic() - start, WAKE + SLACK)
        finally:
            site.server.send(signal.SIGCONT)
        self.await_current()


if __name__ == "__main__":
    unittest.main(verbosity=2)
