#!/usr/bin/python3
"""A short run of fsx with seeds that stay the same; `./dev fsx` goes on for as long as it is told."""

import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fsx  # noqa: E402
from fsx_run import Difference, Run, Site  # noqa: E402

SEED = 1
OPERATIONS = 1200
MOUNTS = 3
site = None


def setUpModule():
    global site
    site = Site(MOUNTS)
    site.__enter__()
    unittest.addModuleCleanup(site.__exit__, None, None, None)


class FsxCase(unittest.TestCase):
    def test_S10_random_operations_in_three_mounts(self):
        done, difference = fsx.attempt(site, SEED, MOUNTS, OPERATIONS, float("inf"))
        self.assertIsNone(difference, f"./dev fsx --seed {SEED} --operations {len(done)} --mounts {MOUNTS}")
        self.assertEqual(len(done), OPERATIONS)

    def test_S61_the_same_in_mounts_that_begin_without_names_and_hold_few(self):
        for nodes in (0, 8):
            with Site(MOUNTS, "--tree-nodes", str(nodes)) as small:
                done, difference = fsx.attempt(small, SEED, MOUNTS, OPERATIONS, float("inf"))
            self.assertIsNone(difference, f"./dev fsx --seed {SEED} --operations {len(done)} --mounts {MOUNTS} "
                                          f"--tree-nodes {nodes}")
            self.assertEqual(len(done), OPERATIONS)

    def test_the_same_seed_chooses_the_same(self):
        def first(count):
            run = Run(site, MOUNTS)
            self.addCleanup(run.end)
            chosen = []
            for number in range(count):
                chosen.append(run.choose(random.Random((SEED << 32) + number)))
                run.perform(chosen[-1])
            return chosen

        self.assertEqual(first(60), first(60))

    def test_what_differs_is_found_and_made_short(self):
        """The model forgets every truncation: a few operations show it."""
        class Forgetful(Run):
            def do_ftruncate(self, label, size):
                handle = self.writable(label)
                if handle and handle.writes and size > len(handle.node.content):
                    os.ftruncate(handle.fd, size)

        original, fsx.Run = fsx.Run, Forgetful
        self.addCleanup(setattr, fsx, "Run", original)
        done, difference = fsx.attempt(site, SEED, 1, OPERATIONS, float("inf"))
        self.assertIsInstance(difference, Difference)
        fewer, same = fsx.shrink(site, 1, done, difference, time.monotonic() + 30)
        self.assertLess(len(fewer), len(done))
        self.assertEqual(same.kind, difference.kind)


if __name__ == "__main__":
    unittest.main(verbosity=2)
