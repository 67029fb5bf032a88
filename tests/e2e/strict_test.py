#!/usr/bin/python3
"""A strict volume with two real mounts: what close() has returned for, every open sees; a mount that cannot
answer costs its lease, and shows nothing old when it goes on; mounts that are older than their volume's
strictness, too."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, get, put  # noqa: E402

ROUNDS = 200
LEASE = 2.0   # seconds, kStrictLease
SLACK = 3.0   # that a busy machine may add
site = None


def setUpModule():
    global site
    site = Deployment.of_module()
    site.outboard("volume", "create", "acme/ledger", "--strict")
    site.a = site.add_mount("a", "ada", ["ledger"])
    site.b = site.add_mount("b", "bob", ["ledger"])


@contextlib.contextmanager
def stopped(program):
    program.send(signal.SIGSTOP)
    try:
        yield
    finally:
        program.send(signal.SIGCONT)


class StrictCase(unittest.TestCase):
    def test_S7_what_close_has_returned_for_is_read_elsewhere(self):
        for number in range(ROUNDS):
            put(site.a.at("ledger", "balance"), f"{number}\n")
            self.assertEqual(get(site.b.at("ledger", "balance")), f"{number}\n")

    def test_S7_a_stopped_mount_costs_its_lease_and_shows_nothing_old_afterwards(self):
        put(site.a.at("ledger", "f"), "old\n")
        self.assertEqual(get(site.b.at("ledger", "f")), "old\n")
        with stopped(site.b.program):
            reader = subprocess.Popen(["cat", site.b.at("ledger", "f")], stdout=subprocess.PIPE, text=True)
            start = time.monotonic()
            put(site.a.at("ledger", "f"), "new\n")
            took = time.monotonic() - start
        self.assertGreater(took, LEASE / 2)
        self.assertLess(took, LEASE * 2 + SLACK)
        said, _ = reader.communicate(timeout=30)
        self.assertEqual(said, "new\n")
        self.assertEqual(get(site.b.at("ledger", "f")), "new\n")


class TurnedCase(unittest.TestCase):
    """A volume that becomes strict under its mounts, one of them read-only, and is not any more."""

    @classmethod
    def setUpClass(cls):
        site.outboard("volume", "create", "acme/turned")
        cls.mounts = [site.add_mount("turned-a", "ada", ["turned"]), site.add_mount("turned-b", "bob", ["turned"])]
        cls.shown = site.add_mount("turned-c", "bob", ["turned"], mode="ro")
        put(cls.mounts[0].at("turned", "balance"), "first\n")
        site.meet("turned", *cls.mounts, cls.shown)
        for mount in (*cls.mounts, cls.shown):
            get(mount.at("turned", "balance"))                          # the kernel remembers it,
            os.path.exists(mount.at("turned", "later"))                 # and what is not there,
            os.listdir(mount.at("turned"))                              # and the listing
        start = time.monotonic()
        site.outboard("volume", "set", "acme/turned", "--strict")
        cls.took = time.monotonic() - start

    def test_S7_the_command_waits_for_the_mounts_and_no_longer(self):
        self.assertLess(self.took, LEASE)

    def test_S7_what_close_has_returned_for_is_read_elsewhere(self):
        writer, reader = self.mounts
        for number in range(ROUNDS):
            put(writer.at("turned", "balance"), f"{number}\n")
            self.assertEqual(get(reader.at("turned", "balance")), f"{number}\n")
            self.assertEqual(get(self.shown.at("turned", "balance")), f"{number}\n")
            with open(writer.at("turned", "lines"), "a", encoding="utf-8") as file:
                file.write(f"{number}\n")
            for mount in (reader, self.shown):
                self.assertTrue(get(mount.at("turned", "lines")).endswith(f"{number}\n"))
                self.assertIn("lines", os.listdir(mount.at("turned")))

    def test_S7_a_stopped_mount_shows_nothing_old_that_its_kernel_had(self):
        writer, sleeper = self.mounts
        put(writer.at("turned", "f"), "old\n")
        self.assertEqual(get(sleeper.at("turned", "f")), "old\n")
        with stopped(sleeper.program):
            start = time.monotonic()
            put(writer.at("turned", "f"), "new\n")
            self.assertGreater(time.monotonic() - start, LEASE / 2)
            reader = subprocess.Popen(["cat", sleeper.at("turned", "f")], stdout=subprocess.PIPE, text=True)
            with self.assertRaises(subprocess.TimeoutExpired):
                reader.wait(0.5)  # whoever answers without the daemon answers at once
        said, _ = reader.communicate(timeout=30)
        self.assertEqual(said, "new\n")

    def test_S7_a_volume_is_strict_no_more(self):
        site.outboard("volume", "create", "acme/eased", "--strict")
        writer = site.add_mount("eased-a", "ada", ["eased"])
        sleeper = site.add_mount("eased-b", "bob", ["eased"])
        put(writer.at("eased", "f"), "old\n")
        site.outboard("volume", "set", "acme/eased", "--no-strict")
        site.meet("eased", writer, sleeper)
        self.assertEqual(get(sleeper.at("eased", "f")), "old\n")
        with stopped(sleeper.program):
            start = time.monotonic()
            put(writer.at("eased", "f"), "new\n")
            self.assertLess(time.monotonic() - start, LEASE / 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
