#!/usr/bin/python3
"""Short forms of `./dev soak`, in four mounts; and that its judges see what is wrong."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from history import Operation, disorder, not_linearizable, stale_reads  # noqa: E402
from soak import Soak  # noqa: E402

ROUNDS = 100
APPENDS = 200
OPERATIONS = 400
SEED = 1
soak = None


def setUpModule():
    global soak
    soak = Soak()
    soak.__enter__()
    unittest.addModuleCleanup(soak.__exit__, None, None, None)


class SoakCase(unittest.TestCase):
    def test_S1_nothing_is_torn_while_a_file_grows_and_shrinks(self):
        _, seen, passed, faults = soak.whole(ROUNDS, 120)
        self.assertEqual(faults, [])
        self.assertGreater(passed, 10, "hardly any barrier was passed")
        self.assertGreater(seen, 10, "hardly any version was seen")

    def test_S3_appends_from_four_mounts_add_up(self):
        self.assertEqual(soak.appends(APPENDS, 0), ([], [], [], []))

    def test_S8_appends_add_up_while_the_server_is_killed(self):
        lost, twice, nobodys, _ = soak.appends(APPENDS, 1)
        self.assertEqual((lost, twice, nobodys), ([], [], []))

    def test_S6_who_slept_through_changes_shows_the_last_behind_a_barrier(self):
        self.assertEqual(soak.stalled(2, 1000), [])

    def test_S6_nothing_is_stale_or_disordered_behind_a_barrier(self):
        faults, _, done = soak.registers("memory", OPERATIONS, SEED, True)
        self.assertEqual(faults, [])
        self.assertGreaterEqual(done, OPERATIONS)

    def test_S7_what_all_mounts_read_of_a_strict_volume_is_linearizable(self):
        faults, between, done = soak.registers("ledger", OPERATIONS, SEED, False)
        self.assertEqual(faults, [])
        self.assertEqual(between, [])
        self.assertGreaterEqual(done, OPERATIONS)


def is_linearizable(left, value):
    """By trying every order (Wing and Gong, 1993): for a few operations."""
    if not left:
        return True
    first_end = min(one.end for one in left)
    return any(one.start <= first_end and (one.kind == "write" or one.value == value) and
               is_linearizable(left[:place] + left[place + 1:], one.value) for place, one in enumerate(left))


class JudgesCase(unittest.TestCase):
    first = Operation("write", "a", 0, 1)
    second = Operation("write", "b", 2, 3)

    def read(self, value, start, end):
        return Operation("read", value, start, end)

    def test_reads_of_the_current_or_a_concurrent_value_are_good(self):
        reads = [self.read("a", 1.5, 1.8), self.read("a", 2.1, 2.2), self.read("b", 2.3, 2.4), self.read("b", 4, 5)]
        self.assertEqual(stale_reads([self.first, self.second, *reads]), [])
        self.assertEqual(not_linearizable([self.first, self.second, *reads]), [])

    def test_a_replaced_value_is_stale(self):
        late = self.read("a", 3.5, 4)
        self.assertEqual(stale_reads([self.first, self.second, late]), [(late, self.second)])

    def test_either_of_two_writes_at_once_may_be_the_later(self):
        other = Operation("write", "c", 2.5, 3.5)
        for value in "bc":
            self.assertEqual(stale_reads([self.first, self.second, other, self.read(value, 4, 5)]), [])

    def test_a_value_before_it_was_written_is_nobodys(self):
        early = self.read("b", 1, 1.5)
        self.assertEqual(stale_reads([self.first, self.second, early]), [(early, None)])

    def test_new_then_old_during_a_write_is_out_of_order_and_not_stale(self):
        long = Operation("write", "b", 2, 9)
        reads = [self.read("b", 3, 4), self.read("a", 5, 6), self.read("b", 7, 8)]
        self.assertEqual(stale_reads([self.first, long, *reads]), [])
        self.assertEqual(not_linearizable([self.first, long, *reads]), [("a", "b")])

    def test_new_then_old_is_a_fault_of_one_mount_and_not_of_two(self):
        long = Operation("write", "b", 2, 9)
        for mount, found in ((0, ([("a", "b")], [])), (1, ([], [("a", "b")]))):
            reads = [self.read("b", 3, 4), Operation("read", "a", 5, 6, mount), self.read("b", 7, 8)]
            self.assertEqual(disorder([self.first, long, *reads]), found)

    def test_the_judges_find_what_trying_all_orders_finds(self):
        dice, found = random.Random(SEED), {True: 0, False: 0}
        for _ in range(3000):
            values, operations = "abc"[:dice.randint(1, 3)], []
            for value in values:
                start = dice.random()
                operations.append(Operation("write", value, start, start + dice.random()))
            for _ in range(dice.randint(1, 4)):
                start = dice.random() * 2
                operations.append(self.read(dice.choice(values), start, start + dice.random() / 2))
            good = is_linearizable(tuple(operations), None)
            found[good] += 1
            self.assertEqual(not stale_reads(operations) and not not_linearizable(operations), good, operations)
        self.assertGreater(min(found.values()), 300, "hardly any of one kind")

    def test_one_value_within_anothers_time_is_out_of_order(self):
        reads = [self.read("a", 8, 9), self.read("b", 2.2, 2.8)]
        self.assertEqual(not_linearizable([self.first, self.second, *reads]), [("a", "b")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
