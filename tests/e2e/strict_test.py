#!/usr/bin/python3
"""A strict volume with two real mounts: what close() has returned for, every open sees; a mount that cannot
answer costs its lease, and shows nothing old when it goes on."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

ROUNDS = 200
LEASE = 2.0   # seconds, kStrictLease
SLACK = 3.0   # that a busy machine may add
site = None


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.start_acme()
    site.outboard("volume", "create", "acme/ledger", "--strict")
    site.a = site.add_mount("a", "ada", ["ledger"])
    site.b = site.add_mount("b", "bob", ["ledger"])


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def get(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


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


if __name__ == "__main__":
    unittest.main(verbosity=2)
