#!/usr/bin/python3
"""What a running daemon shows can be changed, whole or not at all; a view can be brought into a sandbox that runs."""

import errno
import json
import os
import signal
import subprocess
import sys
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment, Mount, Program, get, put  # noqa: E402

site = None
VOLUMES = ("memory", "skills", "more", "others")


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    os.mkdir(os.path.join(site.root, "data"))
    site.start_acme()
    for volume in VOLUMES:
        site.outboard("volume", "create", f"acme/{volume}")
    token, _ = site.mint("seed", "ada", list(VOLUMES))
    for volume in VOLUMES:
        done = subprocess.run(
            [os.path.join(BIN, "outboard"), "memory", "put", "here", "-", "--volume", f"acme/{volume}", "--server",
             site.address, "--token-file", token], input=volume, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def stands(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        return sum(line.split()[4] == path for line in lines)


class ViewsCase(unittest.TestCase):
    """A daemon that shows acme/memory, and may show more beneath ROOT/later; its token reaches memory, skills, more."""

    count = 0

    def setUp(self):
        ViewsCase.count += 1
        self.later = os.path.join(site.root, f"later{ViewsCase.count}")
        for name in ("a", "b"):
            os.makedirs(os.path.join(self.later, name))
        token, _ = site.mint(os.path.basename(self.later), "ada", ["memory", "skills", "more"])
        self.mount = Mount(site, os.path.basename(self.later) + "-views", ["memory"], token, "--allow-mounts", self.later)
        site.mounts.append(self.mount)
        self.addCleanup(self.clear)
        self.assertTrue(self.mount.program.ready, self.mount.program.words())
        self.memory = self.mount.at("memory")

    def clear(self):
        if self.mount.program.process.poll() is None:
            self.mount.program.end(signal.SIGKILL)
        site.mounts.remove(self.mount)

    def at(self, *names):
        return os.path.join(self.later, *names)

    def views(self, verb, *words, code=0):
        done = subprocess.run([os.path.join(BIN, "outboard"), "mount", verb, *words, "--control", self.mount.control],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def shown(self):
        """As the daemon says, and as the kernel does."""
        said = {view["path"]: view["volume"] for view in json.loads(self.views("status", "--json"))["views"]}
        for path in said:
            self.assertEqual(stands(path), 1, path)
        return said


class Twice(ViewsCase):
    def test_S5_two_views_of_one_volume_in_one_daemon_hear_of_each_other(self):
        self.views("add", f"{self.at('a')}=acme/memory:rw")
        one, other = self.memory, self.at("a")
        for number in range(10):
            name = f"twice{number}"
            self.assertFalse(os.path.exists(os.path.join(other, name)))
            put(os.path.join(one, name), "made")
            self.views("barrier")
            self.assertEqual(get(os.path.join(other, name)), "made")
            put(os.path.join(other, name), "overwritten")
            self.views("barrier")
            self.assertEqual(get(os.path.join(one, name)), "overwritten")
            os.unlink(os.path.join(one, name))
            self.views("barrier")
            self.assertFalse(os.path.exists(os.path.join(other, name)))


class Set(ViewsCase):
    def test_S62_views_come_and_go_while_the_rest_is_in_use(self):
        with open(os.path.join(self.memory, "open"), "w", encoding="utf-8") as held:
            said = self.views("add", f"{self.at('a')}=acme/skills:ro", f"{self.at('b')}=acme/more:rw")
            self.assertIn(f"{self.at('b')}=acme/more:rw", said)
            self.assertEqual(self.shown(), {self.memory: "acme/memory", self.at("a"): "acme/skills",
                                            self.at("b"): "acme/more"})
            self.assertEqual(get(self.at("a", "here")), "skills")
            put(self.at("b", "new"), "kept")
            with self.assertRaises(OSError) as caught:
                put(self.at("a", "new"), "x")
            self.assertEqual(caught.exception.errno, errno.EROFS)
            site.sql("INSERT INTO outboard.skill_files (org, path, content) VALUES ('acme', '/told.md', 'x')")
            self.views("barrier")
            self.assertEqual(get(self.at("a", "told.md")), "x")
            self.views("set", f"{self.memory}=acme/memory:rw", f"{self.at('b')}=acme/more:ro")
            self.assertEqual(self.shown(), {self.memory: "acme/memory", self.at("b"): "acme/more"})
            self.assertEqual(get(self.at("b", "new")), "kept")
            self.assertEqual(os.listdir(self.at("a")), [])
            with self.assertRaises(OSError):
                put(self.at("b", "newer"), "x")
            held.write("the same descriptor")
        self.assertEqual(get(os.path.join(self.memory, "open")), "the same descriptor")

    def test_S55_a_view_that_comes_while_programs_sleep_proves_nothing_that_lasts(self):
        site.outboard("volume", "create", "acme/ledger", "--strict")
        token, _ = site.mint("asleep", "ada", ["memory", "ledger"])
        self.clear()
        self.mount = Mount(site, "asleep-views", ["memory"], token, "--allow-mounts", self.later, "--read-deadline", "2s")
        site.mounts.append(self.mount)
        self.assertTrue(self.mount.program.ready, self.mount.program.words())
        with grpc.insecure_channel("unix:" + self.mount.control) as channel:
            stub = site.mount_grpc.MountServiceStub(channel)
            self.assertFalse(stub.Suspend(site.mount.SuspendRequest(wait_ms=5000), timeout=30).deferred)
            self.views("add", f"{self.at('a')}=acme/ledger:rw")
            put(self.at("a", "file"), "x")
            site.server.send(signal.SIGSTOP)
            try:
                with self.assertRaises(OSError) as caught:  # awake, it would believe what it heard for a lease
                    os.stat(self.at("a", "file"))
                self.assertEqual(caught.exception.errno, errno.EIO)
            finally:
                site.server.send(signal.SIGCONT)
            stub.Resume(site.mount.ResumeRequest(), timeout=30)
            self.assertEqual(get(self.at("a", "file")), "x")

    def test_S62_all_new_views_or_none(self):
        before = self.shown()
        put(os.path.join(self.later, "file"), "x")
        for second, word in ((f"{self.at('b')}=acme/others:ro", "others"),       # hidden from this token
                             (f"{self.at('nowhere')}=acme/more:ro", "nowhere"),  # no directory
                             (f"{self.at('file')}=acme/more:ro", "file"),        # a file
                             (f"{self.at('a')}=acme/more:ro", "twice"),
                             (f"{self.at('a', 'x', 'y')}=acme/more:ro", "deep"),
                             ("/mnt=acme/more:ro", "--allow-mounts"),
                             (f"{self.later}/../elsewhere=acme/more:ro", "no place")):
            said = self.views("add", f"{self.at('a')}=acme/skills:ro", second, code=1)
            self.assertIn(word, said)
            self.assertEqual(self.shown(), before, second)
        # What was to be replaced comes back when its successor's neighbour cannot stand.
        said = self.views("set", f"{self.memory}=acme/memory:ro", f"{self.at('file')}=acme/more:ro", code=1)
        self.assertIn("file", said)
        self.assertEqual(self.shown(), before)
        put(os.path.join(self.memory, "still"), "written to")

    def test_S62_a_view_in_use_stays_unless_it_is_forced(self):
        self.views("add", f"{self.at('a')}=acme/more:rw", f"{self.at('b')}=acme/skills:ro")
        before = self.shown()
        file = os.open(self.at("a", "unsaved"), os.O_CREAT | os.O_WRONLY)
        os.write(file, b"published before")
        self.assertIn(self.at("a") + " is in use", self.views("remove", self.at("a"), self.at("b"), code=1))
        self.assertEqual(self.shown(), before)
        os.write(file, b" and behind")
        self.views("remove", self.at("a"), "--force")
        self.assertEqual(stands(self.at("a")), 0)
        with self.assertRaises(OSError):
            os.write(file, b"lost")
            os.fsync(file)
        try:
            os.close(file)
        except OSError:
            pass
        self.assertEqual(site.outboard("memory", "cat", "unsaved", "--volume", "acme/more"),
                         "published before and behind")
        self.assertIn("no view stands at /nowhere", self.views("remove", "/nowhere", code=1))

    def test_S62_nothing_is_left_and_the_daemon_goes_on(self):
        self.views("set")
        self.assertEqual(self.shown(), {})
        self.assertEqual(stands(self.memory), 0)
        self.assertIsNone(self.mount.program.process.poll())
        self.views("add", f"{self.memory}=acme/memory:rw")
        put(os.path.join(self.memory, "again"), "x")
        subprocess.run(["umount", self.memory], check=True)  # the last, from outside
        self.assertEqual(self.mount.program.process.wait(20), 0)

    def test_S62_what_was_unmounted_from_outside_comes_back_when_it_is_wanted(self):
        self.views("add", f"{self.at('a')}=acme/more:rw")
        subprocess.run(["umount", self.at("a")], check=True)
        self.views("set", f"{self.memory}=acme/memory:rw", f"{self.at('a')}=acme/more:rw")
        self.assertEqual(self.shown(), {self.memory: "acme/memory", self.at("a"): "acme/more"})
        self.assertEqual(get(self.at("a", "here")), "more")

    def test_S56_S62_a_view_comes_into_another_and_leaves_what_was_there(self):
        place = os.path.join(self.memory, "mine")
        self.assertFalse(os.path.exists(place))  # and the kernel remembers it
        self.views("add", f"{place}=acme/more:rw")
        self.assertEqual(get(os.path.join(place, "here")), "more")
        self.assertEqual(os.stat(place).st_dev == os.stat(self.memory).st_dev, False)
        # Whatever becomes of that name in the outer volume, the view stays.
        site.sql("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/mine/theirs', 'x')")
        self.views("barrier")
        self.assertEqual(get(os.path.join(place, "here")), "more")
        # Without the outer one there is nothing to stand on: both are as they were.
        self.assertIn("existing directory", self.views("set", f"{place}=acme/more:rw", code=1))
        self.assertEqual(self.shown(), {self.memory: "acme/memory", place: "acme/more"})
        self.assertEqual(get(os.path.join(place, "here")), "more")
        self.views("remove", place)
        self.assertEqual(get(os.path.join(place, "theirs")), "x")
        # Now there is such a directory, known to the kernel.
        self.views("add", f"{place}=acme/more:ro")
        self.assertEqual(get(os.path.join(place, "here")), "more")
        self.views("remove", place, self.memory)
        self.assertEqual(self.shown(), {})

    def test_S62_a_link_leads_nobody_out_of_the_allowed_directory(self):
        outside = os.path.join(site.root, "outside-" + os.path.basename(self.later))
        os.makedirs(os.path.join(outside, "inner"))
        os.symlink(outside, self.at("last"))
        os.symlink(outside, self.at("way"))
        for path in (self.at("last"), self.at("way", "inner")):
            said = self.views("add", f"{path}=acme/more:ro", code=1)
            self.assertIn("symbolic link", said)
        self.assertEqual(stands(outside) + stands(os.path.join(outside, "inner")), 0)

    def test_S60_S62_when_it_is_killed_later_views_go_too(self):
        self.views("add", f"{self.at('a')}=acme/more:rw")
        beside = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.mount.program.process.pid)],
                                    capture_output=True, text=True, check=True).stdout.split()[0])
        self.mount.program.end(signal.SIGKILL)
        while os.path.exists(f"/proc/{beside}"):
            pass
        self.assertEqual(stands(self.at("a")) + stands(self.memory), 0)

    def test_S59_S62_later_views_are_handed_over_and_change_behind_it(self):
        inner = os.path.join(self.memory, "mine")
        self.views("add", f"{self.memory}/gone=acme/skills:ro", f"{self.at('a')}=acme/more:rw")
        self.views("add", f"{inner}=acme/more:rw")
        self.views("remove", f"{self.memory}/gone")
        before = self.shown()
        with open(os.path.join(inner, "held"), "w", encoding="utf-8") as held:
            held.write("before")
            held.flush()
            fresh = Program(self.mount.root + ".next.log", ["outboard-fuse", "--take-over", self.mount.control])
            self.assertTrue(fresh.ready, fresh.words())
            old, self.mount.program = self.mount.program, fresh
            self.assertEqual(old.process.wait(10), 0, old.words())
            self.assertEqual(self.shown(), before)
            held.write(" and behind")
        self.assertEqual(get(os.path.join(inner, "held")), "before and behind")
        self.assertEqual(get(self.at("a", "here")), "more")
        site.sql("SELECT outboard.write_file('acme', 'memory', '/mine/other', 'x')")
        self.views("barrier")
        self.assertEqual(get(os.path.join(inner, "here")), "more")  # its name was announced to nobody
        self.views("remove", inner)
        self.assertEqual(get(os.path.join(inner, "other")), "x")
        self.views("add", f"{self.at('b')}=acme/skills:ro")
        self.assertEqual(get(self.at("b", "here")), "skills")
        self.assertIn("--allow-mounts", self.views("add", "/mnt=acme/more:ro", code=1))
        self.assertEqual(self.mount.program.end()[0], 0)
        self.assertEqual([stands(path) for path in before], [0] * len(before))


class Sandbox:
    """A shell with a mount namespace of its own, started before any view was brought into it."""

    BOX = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid", "--unshare-net", "--cap-drop",
           "ALL", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
           "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--dir", "/team", "--dir", "/etc",
           "--symlink", "/team", "/link", "--"]
    OUTER = ["bwrap", "--unshare-pid", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--"]

    def __init__(self, *words):
        self.process = subprocess.Popen([*words, "/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.says("true")
        self.pid = self.process.pid
        while children := subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True,
                                         check=False).stdout.split():
            self.pid = int(children[-1])

    def says(self, command):
        self.process.stdin.write(f"{command}; echo = $?\n")
        self.process.stdin.flush()
        said = []
        while not (line := self.process.stdout.readline()).startswith("= "):
            assert line, "the sandbox has ended"
            said.append(line)
        return "".join(said) + line

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class Attached(ViewsCase):
    def sandbox(self, *words):
        made = Sandbox(*words)
        self.addCleanup(made.end)
        return made

    def fuse(self, verb, sandbox, *words, code=0, before=()):
        done = subprocess.run([*before, os.path.join(BIN, "outboard-fuse"), verb, "--pid", str(sandbox.pid), *words],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def check_comes_and_goes(self, sandbox, place):
        self.views("add", f"{self.at('a')}=acme/more:rw")
        os.chmod(self.at("a"), 0o777)
        self.assertIn("= 2", sandbox.says(f"ls {place}/here >/dev/null 2>&1"))
        self.fuse("attach", sandbox, "--view", self.at("a"), "--at", place)
        self.assertEqual(sandbox.says(f"cat {place}/here; echo"), "more\n= 0\n")
        self.assertEqual(sandbox.says(f"echo seen > {place}/inside"), "= 0\n")
        self.assertEqual(get(self.at("a", "inside")), "seen\n")
        self.assertEqual(site.outboard("memory", "cat", "inside", "--volume", "acme/more"), "seen\n")
        put(self.at("a", "inside"), "changed\n")
        self.assertEqual(sandbox.says(f"cat {place}/inside"), "changed\n= 0\n")
        self.assertIn("already", self.fuse("attach", sandbox, "--view", self.at("a"), "--at", place, code=1))
        sandbox.says(f"cd {place}")
        self.assertIn("is in use", self.fuse("detach", sandbox, "--at", place, code=1))
        sandbox.says("cd /")
        self.fuse("detach", sandbox, "--at", place)
        self.assertIn("= 2", sandbox.says(f"ls {place}/here >/dev/null 2>&1"))
        self.assertEqual(get(self.at("a", "here")), "more")  # here it stands as before
        self.assertIn("no view stands", self.fuse("detach", sandbox, "--at", place, code=1))
        self.fuse("attach", sandbox, "--view", self.at("a"), "--at", place)
        sandbox.says(f"cd {place}")
        self.fuse("detach", sandbox, "--at", place, "--lazy")
        self.assertEqual(sandbox.says(f"cat {place}/here 2>/dev/null"), "= 1\n")
        sandbox.says("cd /")

    def test_S62_a_view_comes_into_a_mount_namespace_that_runs(self):
        self.check_comes_and_goes(self.sandbox("unshare", "-m"), self.at("b"))

    def test_S62_a_view_comes_into_a_bubblewrap_sandbox_that_runs(self):
        self.check_comes_and_goes(self.sandbox(*Sandbox.BOX), "/team")

    def test_S62_a_view_comes_into_the_inner_layer_of_two(self):
        self.check_comes_and_goes(self.sandbox(*Sandbox.OUTER, *Sandbox.BOX), "/team")

    def test_S62_what_cannot_be_attached_says_why(self):
        sandbox = self.sandbox(*Sandbox.BOX)
        view = ("--view", self.memory)
        self.assertIn("no directory /none", self.fuse("attach", sandbox, *view, "--at", "/none", code=1))
        self.assertIn("no view stands at " + self.at("a"),
                      self.fuse("attach", sandbox, "--view", self.at("a"), "--at", "/team", code=1))
        self.assertIn("no view stands at /dev", self.fuse("detach", sandbox, "--at", "/dev", code=1))
        self.assertIn("takes root", self.fuse("attach", sandbox, *view, "--at", "/team", code=1,
                                              before=["setpriv", "--reuid=65534", "--clear-groups"]))
        # A link of the sandbox's leads to a place of the sandbox's.
        self.fuse("attach", sandbox, *view, "--at", "/link")
        self.assertEqual(sandbox.says("cat /team/here; echo"), "memory\n= 0\n")
        sandbox.pid = os.getpid()
        self.assertIn("no mount namespace of its own", self.fuse("attach", sandbox, *view, "--at", "/tmp", code=1))
        sandbox.pid = 4_194_303
        self.assertIn("4194303", self.fuse("attach", sandbox, *view, "--at", "/team", code=1))

    def test_S62_when_the_daemon_ends_a_sandbox_hears_errors(self):
        sandbox = self.sandbox(*Sandbox.BOX)
        self.fuse("attach", sandbox, "--view", self.memory, "--at", "/team")
        self.assertEqual(self.mount.program.end()[0], 0)
        self.assertIn("= 1", sandbox.says("cat /team/here 2>/dev/null"))
        self.fuse("detach", sandbox, "--at", "/team")
        self.assertIn("= 0", sandbox.says("ls /team"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
