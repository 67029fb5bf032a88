#!/usr/bin/python3
"""A file that is larger than what a mount daemon may hold of it, in and out, while its memory is looked at."""

import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402

MIB = 1 << 20
SIZE = 512 * MIB
# Unsaved bytes of a handle (64 MiB), once more on their way, and what gRPC and the allocator have besides.
WRITER_GROWTH = 330 * MIB
# Windows of large files (32 MiB), and the same.
READER_GROWTH = 110 * MIB

site = None


def setUpModule():
    global site
    site = Deployment.of_module("memory")


class Memory:
    """How far a process grows while something is done: anonymous memory, which nothing can drop."""

    def __init__(self, process):
        self.pid, self.ended = process.pid, threading.Event()
        self.before = self.most = self.now()
        self.thread = threading.Thread(target=self.look)

    def now(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

    def look(self):
        while not self.ended.wait(0.01):
            self.most = max(self.most, self.now())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.before


def block(number):
    """A MiB that no other equals."""
    return (f"{number:08} " * (MIB // 9 + 1))[:MIB].encode()


class Large(unittest.TestCase):
    def test_S65_neither_writer_nor_reader_holds_a_large_file(self):
        writer, reader = site.add_mount("writer", "ada", ["memory"]), site.add_mount("reader", "bob", ["memory"])
        with Memory(writer.program.process) as memory:
            with open(writer.at("memory", "large"), "wb", buffering=0) as file:
                for number in range(SIZE // MIB):
                    self.assertEqual(file.write(block(number)), MIB)
        print(f"writing {SIZE // MIB} MiB: {memory.growth // MIB} MiB more")
        self.assertLess(memory.growth, WRITER_GROWTH)
        site.meet("memory", reader)
        with Memory(reader.program.process) as memory:
            with open(reader.at("memory", "large"), "rb") as file:
                for number in range(SIZE // MIB):
                    self.assertEqual(file.read(MIB), block(number), number)
                self.assertEqual(file.read(1), b"")
        print(f"reading it: {memory.growth // MIB} MiB more")
        self.assertLess(memory.growth, READER_GROWTH)


if __name__ == "__main__":
    unittest.main()
