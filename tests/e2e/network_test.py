#!/usr/bin/python3
"""A mount whose server is on another machine, and the network between them: cut without a word, and healed.

The mount's daemon runs in a network namespace of its own, joined to the server's by a pair of virtual interfaces. Down, they
drop what is sent and tell nobody, as a pulled cable does."""

import contextlib
import errno
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment, get, put  # noqa: E402

HERE, THERE = "198.51.100.1", "198.51.100.2"  # for documentation: nobody's
PORT = 7071
READ = 2.0     # seconds, the mount's --read-deadline
WRITE = 2.0    # and --write-deadline
SLACK = 5.0    # that a busy machine may add
NOTICES = 60.0  # until a silent connection is given up: a ping after 20 s, 10 s for its answer
site = network = None


class Network:
    """A namespace that a sleeping process holds, and the two ends of the only way into it."""

    def __init__(self):
        self.ours, self.theirs = f"ob{os.getpid()}a", f"ob{os.getpid()}b"
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.run("ip", "link", "add", self.ours, "type", "veth", "peer", "name", self.theirs, "netns", str(self.holder.pid))
        self.run("ip", "addr", "add", f"{HERE}/30", "dev", self.ours)
        self.run("ip", "link", "set", self.ours, "up")
        for words in (["addr", "add", f"{THERE}/30", "dev", self.theirs], ["link", "set", self.theirs, "up"]):
            self.run(*self.inside(), "ip", *words)

    def inside(self):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    @contextlib.contextmanager
    def cut(self):
        """The far end is down: what either side sends is lost."""
        self.run(*self.inside(), "ip", "link", "set", self.theirs, "down")
        try:
            yield
        finally:
            self.run(*self.inside(), "ip", "link", "set", self.theirs, "up")

    def end(self):
        subprocess.run(["ip", "link", "del", self.ours], check=False)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    @staticmethod
    def run(*words):
        subprocess.run(words, check=True, timeout=30)


def setUpModule():
    global site, network
    network = Network()
    unittest.addModuleCleanup(network.end)
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    key, certificate = (os.path.join(site.root, name) for name in ("key.pem", "certificate.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate,
                    "-subj", f"/CN={HERE}", "-addext", f"subjectAltName=IP:{HERE}"], check=True, capture_output=True)
    site.start_acme("--listen", f"{HERE}:{PORT}", "--tls-certificate", certificate, "--tls-key", key)
    site.outboard("volume", "create", "acme/memory")
    site.near = site.add_mount("near", "ada", ["memory"])
    there = {"server": f"{HERE}:{PORT}", "before": network.inside()}
    site.far = site.add_mount("far", "bob", ["memory"], "--tls-ca", certificate, "--read-deadline", f"{READ:.0f}s",
                              "--write-deadline", f"{WRITE:.0f}s", **there)
    site.patient = site.add_mount("patient", "bob", ["memory"], "--tls-ca", certificate, **there)


class NetworkCase(unittest.TestCase):
    def stale(self):
        return os.getxattr(site.far.at("memory", "known"), "user.outboard.stale") == b"1"

    def eventually(self, check, seconds=NOTICES):
        until = time.monotonic() + seconds
        while not check():
            self.assertLess(time.monotonic(), until, site.far.program.words())

    def refused(self, act, deadline):
        """It is, with EIO, by its deadline."""
        start = time.monotonic()
        with self.assertRaises(OSError) as caught:
            act()
        self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertLess(time.monotonic() - start, deadline + SLACK)

    def test_S9_a_cut_network_hangs_nobody_and_heals(self):
        put(site.near.at("memory", "known"), "as it was")
        put(site.near.at("memory", "large"), "x" * 100_000)
        site.meet("memory", site.near, site.far)
        self.assertEqual(get(site.far.at("memory", "known")), "as it was")
        self.assertFalse(self.stale())

        with network.cut():
            self.assertEqual(get(site.far.at("memory", "known")), "as it was")
            kept = open(site.far.at("memory", "known"), "a", encoding="utf-8")
            kept.write(", and more")
            self.refused(kept.close, WRITE)
            self.eventually(lambda: "unsaved bytes wait" in site.far.program.words())
            self.refused(lambda: get(site.far.at("memory", "large")), READ)
            self.refused(lambda: put(site.far.at("memory", "new"), "never made"), WRITE)
            self.eventually(self.stale)
            put(site.near.at("memory", "beside"), "made meanwhile")
            self.assertFalse(os.path.exists(site.far.at("memory", "beside")))
            self.assertEqual(get(site.far.at("memory", "known")), "as it was, and more")

        self.eventually(lambda: not self.stale())
        site.meet("memory", site.far)
        self.assertEqual(get(site.far.at("memory", "beside")), "made meanwhile")
        self.assertEqual(len(get(site.far.at("memory", "large"))), 100_000)
        # What close() had refused was kept for another try: it arrives, once, and the log has said so once.
        self.eventually(lambda: get(site.near.at("memory", "known")) == "as it was, and more")
        self.eventually(lambda: "has reached it" in site.far.program.words())
        self.assertEqual(site.far.program.words().count("unsaved bytes wait"), 1)
        put(site.far.at("memory", "new"), "made now")
        site.meet("memory", site.near)
        self.assertEqual(get(site.near.at("memory", "new")), "made now")

    def test_S9_a_short_cut_is_not_noticed_by_who_waits(self):
        put(site.patient.at("memory", "waits"), "before")
        with network.cut():
            writer = subprocess.Popen(["sh", "-c", 'echo during > "$0"', site.patient.at("memory", "waits")])
            with self.assertRaises(subprocess.TimeoutExpired, msg="it was refused, or answered by nobody"):
                writer.wait(0.5)
        self.assertEqual(writer.wait(30 + SLACK), 0)
        self.eventually(lambda: get(site.near.at("memory", "waits")) == "during\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
