"""A real deployment for tests: one outboard-server on its private Postgres, outboard-fuse daemons, the
command, psql, and the barrier of a mount's control socket, by which a test knows what a mount shows."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import grpc

BIN = os.environ["OUTBOARD_BIN"]
SOURCE = os.environ["OUTBOARD_SOURCE"]
START_SECONDS = 60
WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mount_worker.py")


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def get(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def mount_at(place, fuse):
    """As a sandbox does it that hands its descriptor of /dev/fuse to a daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    if libc.mount(b"outboard", place.encode(), b"fuse.outboard", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Program:
    """A child process with its log in a file, started by way of `before`, with the descriptors of `keep`. `say_ready`: its word on --ready-fd is waited for."""

    def __init__(self, log, words, env=None, before=(), keep=()):
        self.log = log
        ear, mouth = os.pipe()
        with open(log, "ab") as err:
            self.process = subprocess.Popen(
                [*before, os.path.join(BIN, words[0]), *words[1:], "--ready-fd", str(mouth)],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, pass_fds=[mouth, *keep], env=env)
        os.close(mouth)
        ready, _, _ = select.select([ear], [], [], START_SECONDS)
        self.said = os.read(ear, 4096).decode() if ready else ""
        os.close(ear)

    @property
    def ready(self):
        return self.said != ""

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=30):
        """Its exit code, and how long it took."""
        start = time.monotonic()
        self.send(number)
        code = self.process.wait(seconds)
        return code, time.monotonic() - start

    def words(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


class Mount:
    """One outboard-fuse daemon. Views lie at ROOT/NAME/VIEW, one for each volume acme/VIEW."""

    def __init__(self, deployment, name, volumes, token_file, *options, mode="rw", env=None,
                 control=None, server=None, before=()):
        self.deployment, self.volumes = deployment, volumes
        self.root = os.path.join(deployment.root, name)
        self.control = control or os.path.join(deployment.root, name + ".sock")
        words = ["outboard-fuse", "--server", server or deployment.address, "--token-file", token_file,
                 "--control", self.control, *options]
        for volume in volumes:
            os.makedirs(self.at(volume), exist_ok=True)
            words += ["--mount", f"{self.at(volume)}=acme/{volume}:{mode}"]
        self.words, self.env, self.before = words, env, before
        self.program = None
        self.start()

    def start(self):
        self.program = Program(self.root + ".log", self.words, self.env, self.before)

    def at(self, volume, *names):
        return os.path.join(self.root, volume, *names)

    def is_mounted(self, volume):
        with open("/proc/self/mountinfo", encoding="utf-8") as lines:
            return any(line.split()[4] == self.at(volume) for line in lines)

    def barrier(self, volume, seq, seconds=20):
        """Returns once programs see everything up to seq in it."""
        with grpc.insecure_channel("unix:" + self.control) as channel:
            stub = self.deployment.mount_grpc.MountServiceStub(channel)
            stub.Barrier(self.deployment.mount.BarrierRequest(seqs={"acme/" + volume: seq}),
                         timeout=seconds, wait_for_ready=True)


class Deployment:
    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="outboard-")
        os.chmod(self.root, 0o755)
        self.server, self.mounts = None, []
        self.address = f"unix:{self.root}/s"
        self.site_token = os.path.join(self.root, "site.token")
        stubs = os.path.join(self.root, "stubs")
        subprocess.run([os.path.join(SOURCE, "examples/client_python/make_stubs"), stubs], check=True)
        sys.path.insert(0, stubs)
        from outboard.v1 import mount_pb2, mount_pb2_grpc, store_pb2, store_pb2_grpc, types_pb2
        self.mount, self.mount_grpc = mount_pb2, mount_pb2_grpc
        self.store, self.store_grpc, self.types = store_pb2, store_pb2_grpc, types_pb2

    def start_server(self, *options):
        self.server = Program(os.path.join(self.root, "server.log"), [
            "outboard-server", "--data", os.path.join(self.root, "data"), "--listen", self.address,
            "--site-token-file", self.site_token, *options])
        assert self.server.ready, "the server did not get ready: " + self.server.words()

    def start_acme(self, *options):
        """A server with the organisation acme and, in it, ada and bob."""
        self.start_server(*options)
        self.outboard("org", "create", "acme")
        for user in ("ada", "bob"):
            self.outboard("user", "create", f"acme/{user}")

    def outboard(self, *words):
        done = subprocess.run([os.path.join(BIN, "outboard"), "--server", self.address,
                               "--token-file", self.site_token, *words],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"outboard {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def mint(self, name, user, volumes):
        """A fresh token in a file that the daemons read; its number, for revoking it."""
        file = os.path.join(self.root, name + ".token")
        grants = [word for volume in volumes for word in ("--grant", f"acme/{volume}:rw")]
        if os.path.exists(file):
            os.remove(file)
        before = self.token_numbers()
        self.outboard("token", "mint", f"acme/{user}", *grants, "--to-file", file)
        return file, (self.token_numbers() - before).pop()

    def token_numbers(self):
        return {token["id"] for token in json.loads(self.outboard("token", "list", "acme", "--json"))}

    @classmethod
    def of_module(cls, *volumes):
        """For setUpModule: acme with these volumes, until the module's tests have run."""
        site = cls()
        unittest.addModuleCleanup(site.end)
        site.start_acme()
        for volume in volumes:
            site.outboard("volume", "create", f"acme/{volume}")
        return site

    def add_mount(self, name, user, volumes, *options, **how):
        token, _ = self.mint(name, user, volumes)
        made = Mount(self, name, volumes, token, *options, **how)
        self.mounts.append(made)
        assert made.program.ready, made.program.words()
        return made

    def sql(self, statement):
        with open(os.path.join(self.root, "data", "url"), encoding="utf-8") as url:
            done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url.read().strip()],
                                  input=statement, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def head(self, volume):
        """The seq of the volume's last change, asked of the server."""
        return int(self.sql("SELECT v.head_seq FROM outboard.volumes v JOIN outboard.organisations o "
                            f"ON o.id = v.organisation WHERE o.name = 'acme' AND v.name = '{volume}'"))

    def meet(self, volume, *mounts, seconds=20):
        """Each mount shows what the others have published."""
        seq = self.head(volume)
        for mount in mounts:
            mount.barrier(volume, seq, seconds)
        return seq

    def worker(self, *words, progress=None):
        """A process of its own that works in a mount; see mount_worker.py."""
        words = [str(word) for word in words]
        fds = [progress] if progress is not None else []
        return subprocess.Popen([sys.executable, "-I", WORKER, *words], stdout=subprocess.PIPE,
                                text=True, pass_fds=fds)

    def end(self):
        for mount in self.mounts:
            if mount.program.process.poll() is None:
                mount.program.send(signal.SIGCONT)
                mount.program.end(signal.SIGTERM)
        for mount in self.mounts:
            for volume in mount.volumes:
                if mount.is_mounted(volume):
                    subprocess.run(["umount", "-l", mount.at(volume)], check=False)
        if self.server and self.server.process.poll() is None:
            self.server.send(signal.SIGCONT)
            self.server.end(signal.SIGTERM)
        subprocess.run(["rm", "-rf", "--one-file-system", self.root], check=False)
