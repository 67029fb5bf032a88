#!/usr/bin/python3
"""The life of a mount daemon: what it says of itself, who tells it what, what it may do, how it ends."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, Deployment, Mount, Program, get, mount_at, put  # noqa: E402

site = None


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    os.mkdir(os.path.join(site.root, "data"))
    umask = os.umask(0o077)  # as a service of systemd's; it closes nothing but files
    site.start_server()
    os.umask(umask)
    site.outboard("org", "create", "acme")
    for user in ("ada", "bob"):
        site.outboard("user", "create", f"acme/{user}")
    for volume in ("memory", "skills", "careful"):
        site.outboard("volume", "create", f"acme/{volume}")
    site.outboard("volume", "set", "acme/careful", "--policy", "refuse")


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
                subprocess.run(["umount", "-l", mount.at(volume)], stderr=subprocess.DEVNULL, check=False)
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
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile: nothing listens at it
                held |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(os.path.join(fds, fd))))
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
        fresh, number = site.mint("fresh", "bob", ["memory"])
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
        with grpc.insecure_channel("unix:" + mount.control) as channel:
            answer = site.mount_grpc.MountServiceStub(channel).RenewToken(site.mount.RenewTokenRequest(token=new), timeout=20)
        listed = json.loads(site.outboard("token", "list", "acme", "--json"))
        expires = datetime.datetime.fromisoformat(next(one["expires"] for one in listed if one["id"] == number).replace("Z", "+00:00"))
        self.assertEqual(answer.expires_unix_ms, round(expires.timestamp() * 1000))
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


class Confined(LifeCase):
    def rights(self, pid):
        """What each of its threads has, of which all must have the same."""
        found = set()
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as status:
                fields = dict(line.split(":", 1) for line in status)
            found.add(tuple(fields[name].split()[0] for name in (
                "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid")))
        self.assertEqual(len(found), 1, found)
        return found.pop()

    def mounter(self, mount):
        """Its process that mounts."""
        pid = mount.program.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as children:
            only, = children.read().split()
        return int(only)

    def check_works(self, mount):
        put(mount.at("memory", "works"), "it works")
        self.assertEqual(get(mount.at("memory", "works")), "it works")
        os.remove(mount.at("memory", "works"))

    NONE = ("0" * 16,) * 5 + ("1", "2")

    def test_S60_a_running_daemon_has_no_rights(self):
        mount = self.mount("confined", "--metrics", "0", "--prewarm", mode="rw")
        self.check_works(mount)
        self.assertEqual(self.rights(mount.program.process.pid), self.NONE + ("0", "0"))
        inherited, permitted, effective, bounding, ambient, no_new, filtered, *_ = self.rights(self.mounter(mount))
        to_mount = f"{1 << 21 | 1 << 1 | 1 << 2:016x}"  # CAP_SYS_ADMIN, and to see every name
        self.assertEqual((inherited, permitted, effective, bounding, ambient, no_new, filtered),
                         ("0" * 16, to_mount, to_mount, "0" * 16, "0" * 16, "1", "2"))
        held = [os.readlink(f"/proc/{self.mounter(mount)}/fd/{fd}") for fd in os.listdir(f"/proc/{self.mounter(mount)}/fd")]
        self.assertNotIn("/dev/fuse", held)
        self.assertEqual(len([one for one in held if one.startswith("socket:")]), 1, held)

    def test_S60_another_user_serves(self):
        token, _ = site.mint("lesser", "ada", ["memory"])
        os.chown(token, 12345, 12345)
        home = os.path.join(site.root, "home")
        os.mkdir(home, 0o700)
        os.chown(home, 12345, 12345)
        mount = Mount(site, "lesser", ["memory"], token, "--user", "12345", control=os.path.join(home, "control"))
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertTrue(mount.program.ready, mount.program.words())
        self.assertEqual(self.rights(mount.program.process.pid), self.NONE + ("12345", "12345"))
        self.check_works(mount)
        mount.barrier("memory", site.head("memory"))
        self.assertEqual(os.stat(mount.control).st_uid, 12345)
        self.check_ends(mount)

    def test_S60_a_token_that_the_user_may_not_read_is_told(self):
        token, _ = site.mint("unread", "ada", ["memory"])
        mount = Mount(site, "unread", ["memory"], token, "--user", "12345")
        site.mounts.append(mount)
        self.addCleanup(self.end_mount, mount)
        self.assertEqual(mount.program.process.wait(20), 1)
        self.assertIn("user 12345 may not read the token file " + token, mount.program.words())

    def check_ends(self, mount):
        beside = self.mounter(mount)
        self.assertEqual(mount.program.end()[0], 0)
        self.assertFalse(mount.is_mounted("memory"))
        self.eventually(lambda: not os.path.exists(f"/proc/{beside}"))

    def test_S60_it_unmounts_at_its_end_also_a_view_in_use(self):
        self.check_ends(self.mount("ended"))
        mount = self.mount("used")
        put(mount.at("memory", "open"), "x")
        with open(mount.at("memory", "open"), encoding="utf-8"):
            self.check_ends(mount)

    def test_S60_when_it_is_killed_its_views_go_and_it_can_start_again(self):
        mount = self.mount("struck", volumes=("memory", "skills"))
        put(mount.at("memory", "held"), "x")
        beside = self.mounter(mount)
        os.kill(beside, signal.SIGTERM)  # as a service manager does to all of them
        with open(mount.at("memory", "held"), encoding="utf-8"):
            mount.program.end(signal.SIGKILL)
            self.eventually(lambda: not os.path.exists(f"/proc/{beside}"))
            for volume in mount.volumes:
                self.assertFalse(mount.is_mounted(volume))
                self.assertEqual(os.listdir(mount.at(volume)), [])
        mount.start()
        self.assertTrue(mount.program.ready, mount.program.words())
        self.assertEqual(get(mount.at("memory", "held")), "x")

    def test_S60_what_others_mount_over_a_view_is_not_unmounted(self):
        mount = self.mount("covered")
        subprocess.run(["mount", "-t", "tmpfs", "over", mount.at("memory")], check=True)
        put(mount.at("memory", "theirs"), "x")
        try:
            self.assertEqual(mount.program.end()[0], 0)
            self.assertEqual(get(mount.at("memory", "theirs")), "x")
        finally:
            subprocess.run(["umount", mount.at("memory")], check=True)
        subprocess.run(["umount", mount.at("memory")], check=True)

    def test_S60_nobody_serves_a_view_that_was_handed_in(self):
        token, _ = site.mint("handed", "ada", ["memory"])
        os.chown(token, 65534, 65534)
        place = os.path.join(site.root, "handed")
        os.mkdir(place)
        fuse = os.open("/dev/fuse", os.O_RDWR)
        mount_at(place, fuse)
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        program = Program(place + ".log", ["outboard-fuse", "--server", site.address, "--token-file", token,
                                           "--mount", "/any/name=acme/memory:rw", "--fuse-fd", str(fuse)],
                          before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                  "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"], keep=[fuse])
        self.addCleanup(program.process.kill)
        os.close(fuse)
        self.assertTrue(program.ready, program.words())
        self.assertEqual(self.rights(program.process.pid), self.NONE + ("65534", "65534"))
        put(os.path.join(place, "handed"), "it works")
        self.assertEqual(get(os.path.join(place, "handed")), "it works")
        self.assertEqual(program.end()[0], 0)
        with self.assertRaises(OSError) as caught:
            os.listdir(place)  # its mounter's to unmount, and dead
        self.assertEqual(caught.exception.errno, errno.ENOTCONN)
        self.assertEqual(site.outboard("memory", "cat", "handed", "--volume", "acme/memory"), "it works")

    def test_S60_a_descriptor_of_something_else_is_refused(self):
        token, _ = site.mint("wrong", "ada", ["memory"])
        with open("/dev/null", "rb") as other:
            program = Program(os.path.join(site.root, "wrong.log"), [
                "outboard-fuse", "--server", site.address, "--token-file", token,
                "--mount", "/any/name=acme/memory:rw", "--fuse-fd", str(other.fileno())], keep=[other.fileno()])
            self.assertEqual(program.process.wait(20), 1)
        self.assertIn("is not open on /dev/fuse", program.words())

    def test_S60_a_sandbox_without_rights_mounts_in_its_own_namespaces(self):
        token, _ = site.mint("rootless", "ada", ["memory"])
        place = os.path.join(site.root, "rootless")
        os.mkdir(place)
        inside = f"""
import os, subprocess, sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from deployment import mount_at
fuse = os.open("/dev/fuse", os.O_RDWR)
mount_at({place!r}, fuse)
ear, mouth = os.pipe()
daemon = subprocess.Popen([{os.path.join(BIN, "outboard-fuse")!r}, "--server", {site.address!r}, "--token-file",
                           {token!r}, "--mount", "/memory=acme/memory:rw", "--fuse-fd", str(fuse),
                           "--ready-fd", str(mouth)], pass_fds=[fuse, mouth])
os.close(fuse)
os.close(mouth)
assert os.read(ear, 100) == b"/memory\\n"
with open({place!r} + "/rootless", "w") as file:
    file.write("it works")
print(open({place!r} + "/rootless").read())
daemon.terminate()
sys.exit(daemon.wait())
"""
        done = subprocess.run(["unshare", "-Urm", sys.executable, "-c", inside], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "it works\n"), done.stderr)
        self.assertEqual(site.outboard("memory", "cat", "rootless", "--volume", "acme/memory"), "it works")


if __name__ == "__main__":
    unittest.main(verbosity=2)
