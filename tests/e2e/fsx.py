#!/usr/bin/python3
"""Random system calls in the mounts of one volume, compared with a model; on a real server and real daemons.

    fsx.py [--minutes M] [--operations N] [--seed S] [--mounts N] [--tree-nodes N] [--no-shrink]

One mount acts at a time; before another acts or is looked at, all have passed a barrier. Each answer is compared with what the
model says, and every so often all names, attributes and bytes in all mounts. A mount that does not act may show of a file
whose bytes are not published yet any content that the file had since its last publish, whole. What was open in a mount while
another changed the file goes on showing the old bytes.

A seed chooses the same operations again: `--seed S --operations N` repeats the first N. Without --operations a run ends after
its minutes (60), with a new seed every 2,000 operations. What fails is made as short as it will go, printed, and the exit code
is 1.
"""

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fsx_run import NAMES, Difference, Run, Site  # noqa: E402

OPERATIONS_A_SEED = 2_000
SHOWN = 40        # last operations, when a run is not made shorter
SHRINK_SECONDS = 120


def attempt(site, seed, mounts, operations, until):
    """The operations that were done, and what differed, if anything."""
    run = Run(site, mounts)
    done = []
    try:
        for number in range(operations):
            operation = run.choose(random.Random((seed << 32) + number))
            done.append(operation)
            run.perform(operation)
            if time.monotonic() > until:
                break
        run.perform(("check",))
    except Difference as difference:
        return done, difference
    finally:
        run.end()
    return done, None


def again(site, mounts, operations):
    run = Run(site, mounts)
    try:
        for operation in operations:
            run.perform(operation)
        run.perform(("check",))
    except Difference as difference:
        return difference
    finally:
        run.end()
    return None


def shrink(site, mounts, operations, difference, until):
    """Leaves out ever smaller parts, as long as the same kind of difference remains."""
    part = len(operations) // 2
    while part and time.monotonic() < until:
        place = 0
        while place < len(operations) and time.monotonic() < until:
            fewer = operations[:place] + operations[place + part:]
            found = again(site, mounts, fewer)
            if found and found.kind == difference.kind:
                operations, difference = fewer, found
            else:
                place += part
        part //= 2
    return operations, difference


def report(site, arguments, seed, done, difference):
    print(f"FAILED: seed {seed}, after {len(done)} operations: {difference}\n"
          f"repeat: ./dev fsx --seed {seed} --operations {len(done)} --mounts {arguments.mounts}", flush=True)
    shown = done[-SHOWN:]
    if not arguments.no_shrink:
        shown, difference = shrink(site, arguments.mounts, done, difference,
                                   time.monotonic() + SHRINK_SECONDS)
        print(f"the same in {len(shown)} operations: {difference}")
    print("operations:")
    for operation in shown:
        print("  ", *(str(word).replace(NAMES[5], "nnn…") for word in operation))
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="random system calls in several mounts against a model")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--operations", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--mounts", type=int, default=2)
    parser.add_argument("--tree-nodes", type=int, help="names that a mount holds; 0: no more than are in use [50000]")
    parser.add_argument("--no-shrink", action="store_true")
    arguments = parser.parse_args()
    if not 1 <= arguments.mounts <= 16:
        parser.error(f"--mounts {arguments.mounts}: between 1 and 16 mounts")
    until = time.monotonic() + (arguments.minutes * 60 if arguments.operations is None else 1e9)
    seed, total, seeds, failures = arguments.seed, 0, 0, 0
    options = [] if arguments.tree_nodes is None else ["--tree-nodes", str(arguments.tree_nodes)]
    with Site(arguments.mounts, *options) as site:
        while time.monotonic() < until:
            print(f"seed {seed}", flush=True)
            done, difference = attempt(site, seed, arguments.mounts, arguments.operations or OPERATIONS_A_SEED, until)
            total, seeds = total + len(done), seeds + 1
            if difference:
                failures += 1
                report(site, arguments, seed, done, difference)
            if arguments.operations is not None:
                break
            seed += 1
    print(f"{total} operations of {seeds} seeds in {arguments.mounts} mounts: {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
