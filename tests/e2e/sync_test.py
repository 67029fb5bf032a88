#!/usr/bin/python3
"""`outboard sync`: two folders and a volume of a real server, with processes that are killed in the middle."""

import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment  # noqa: E402

FILES = 400
WAIT = 90.0  # seconds, for what a busy machine does not do at once
site = None


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.start_server()
    site.outboard("org", "create", "acme")
    site.tokens = {}
    for user in ("ada", "bob"):
        site.outboard("user", "create", f"acme/{user}")


class Sync:
    """One `outboard sync`. What it says is remembered; wait() returns when it has said a line."""

    def __init__(self, token, volume, folder, *options):
        self.lines, self.said = [], threading.Condition()
        self.process = subprocess.Popen(
            [os.path.join(BIN, "outboard"), "--server", site.address, "--token-file", token, "--timeout", "20s",
             "sync", "acme/" + volume, folder, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()
        with self.said:
            self.said.notify_all()

    def wait(self, line, count=1):
        """Until it has said so much; then forgets what it said."""
        with self.said:
            heard = self.said.wait_for(
                lambda: sum(one.startswith(line) for one in self.lines) >= count, WAIT)
            words, self.lines = self.lines, []
        assert heard, f"{line!r} was not said, but {words[-20:]}"

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT)
        self.reader.join()
        self.process.stdout.close()
        return code


def tree(folder):
    files = {}
    for directory, names, leaves in os.walk(folder):
        if ".outboard-sync" in names:
            names.remove(".outboard-sync")
        for leaf in leaves + [name for name in names if os.path.islink(os.path.join(directory, name))]:
            path = os.path.join(directory, leaf)
            at = os.path.relpath(path, folder)
            if os.path.islink(path):
                files[at] = "-> " + os.readlink(path)
                continue
            with open(path, encoding="utf-8") as file:
                files[at] = ("x " if os.access(path, os.X_OK) else "") + file.read()
    return files


def write(*names, text):
    path = os.path.join(*names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class SyncCase(unittest.TestCase):
    def setUp(self):
        signal.alarm(230)
        self.addCleanup(signal.alarm, 0)
        self.volume = self._testMethodName.lower().replace("_", "-")[:40].strip("-")
        self.a = os.path.join(site.root, self.volume + "-a")
        self.b = os.path.join(site.root, self.volume + "-b")

    def make(self, *settings):
        site.outboard("volume", "create", "acme/" + self.volume, *settings)
        self.ada, _ = site.mint(self.volume + "-ada", "ada", [self.volume])
        self.bob, _ = site.mint(self.volume + "-bob", "bob", [self.volume])

    def start(self, token, folder, *options):
        sync = Sync(token, self.volume, folder, *options)
        self.addCleanup(sync.end, signal.SIGKILL)
        return sync

    def once(self, token, folder):
        sync = self.start(token, folder, "--once")
        self.assertEqual(sync.end(0), 0, sync.lines)
        return sync.lines

    def settle(self):
        """Both folders hold the same in the end, and it is what the volume holds."""
        for token, folder in ((self.ada, self.a), (self.bob, self.b), (self.ada, self.a)):
            self.once(token, folder)
        self.assertEqual(tree(self.a), tree(self.b))
        pulled = os.path.join(site.root, self.volume + "-pulled")
        site.outboard("pull", "acme/" + self.volume, pulled)
        self.assertEqual(tree(pulled), tree(self.a))
        return tree(self.a)

    def test_S57_two_folders_follow_each_other(self):
        self.make("--policy", "merge")
        text = "".join(f"line {i}\n" for i in range(20))
        script = write(self.a, "bin", "run", text="#!/bin/sh\n")
        os.chmod(script, 0o755)
        os.symlink("/etc/hostname", os.path.join(self.a, "link"))
        write(self.a, "notes.md", text=text)
        a, b = self.start(self.ada, self.a), self.start(self.bob, self.b)
        a.wait("> /notes.md")
        b.wait("< /notes.md")
        write(self.b, "deep", "down", "from-b.md", text="b")
        a.wait("< /deep/down/from-b.md")
        os.rename(os.path.join(self.a, "deep"), os.path.join(self.a, "moved"))
        b.wait("< /moved/down/from-b.md")
        os.remove(os.path.join(self.b, "moved", "down", "from-b.md"))
        a.wait("< removed /moved/down/from-b.md")
        self.assertEqual(b.end(), 0)
        write(self.b, "notes.md", text=text.replace("line 15", "from b"))
        write(self.a, "notes.md", text=text.replace("line 3", "from a"))
        a.wait("> /notes.md")
        b = self.start(self.bob, self.b)
        a.wait("< /notes.md")
        self.assertEqual(b.end(signal.SIGINT), 0)
        self.assertEqual(a.end(), 0)
        files = self.settle()
        merged = text.replace("line 15", "from b").replace("line 3", "from a")
        self.assertEqual(files, {"notes.md": merged, "bin/run": "x #!/bin/sh\n", "link": "-> /etc/hostname"})

    def test_S57_killed_in_the_middle(self):
        self.make("--policy", "refuse")
        for i in range(FILES):
            write(self.a, f"d{i % 7}", f"{i}.md", text=f"file {i}\n" * 20)
        a = self.start(self.ada, self.a)
        a.wait("> /d")
        a.end(signal.SIGKILL)
        b = self.start(self.bob, self.b)
        a = self.start(self.ada, self.a)
        b.wait("< /d", 20)
        b.end(signal.SIGKILL)
        site.server.end(signal.SIGKILL)
        write(self.b, "from-b.md", text="b")
        write(self.a, "d0", "0.md", text="edited while all was down\n")
        site.start_server()
        b = self.start(self.bob, self.b)
        b.wait("> /from-b.md")
        a.wait("< /from-b.md")
        a.end(signal.SIGKILL)
        b.end(signal.SIGKILL)
        files = self.settle()
        self.assertEqual(files.pop("from-b.md"), "b")
        self.assertEqual(files.pop("d0/0.md"), "edited while all was down\n")
        expected = {f"d{i % 7}/{i}.md": f"file {i}\n" * 20 for i in range(1, FILES)}
        self.assertEqual(files, expected)  # no conflict copy, no half of a file

    def test_S57_a_restart_brings_nothing_anew_and_an_emptied_folder_empties_nothing(self):
        self.make()
        for i in range(20):
            write(self.a, f"{i}.md", text=str(i))
        self.assertEqual(len(self.once(self.ada, self.a)), 20)
        self.assertEqual(self.once(self.ada, self.a), [])
        for i in range(20):
            os.remove(os.path.join(self.a, f"{i}.md"))
        refused = self.start(self.ada, self.a, "--once")
        self.assertEqual(refused.end(0), 1)
        self.assertIn("is empty", refused.lines[0])
        self.assertEqual(len(self.once(self.bob, self.b)), 20)

    def test_S57_a_reader_follows_and_keeps_its_own(self):
        self.make()
        reader = os.path.join(site.root, "reader.token")
        site.outboard("token", "mint", "acme/bob", "--grant", f"acme/{self.volume}:ro", "--to-file", reader)
        write(self.a, "a.md", text="1")
        a, b = self.start(self.ada, self.a), self.start(reader, self.b)
        b.wait("< /a.md")
        write(self.b, "a.md", text="mine")
        b.wait("! /a.md is not in step")
        write(self.a, "a.md", text="2")
        b.wait("< /a.md")
        self.assertEqual(a.end(), 0)
        self.assertEqual(b.end(), 0)
        kept = tree(self.b)
        self.assertEqual(kept.pop("a.md"), "2")
        self.assertEqual(list(kept.values()), ["mine"])
        self.assertEqual(tree(self.a), {"a.md": "2"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
