"""What the fault tests are made of: Postgres clusters of their own, proxies that cut, servers that can
be killed, and writers who know what was acknowledged to them."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import grpc

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
os.environ.setdefault("OUTBOARD_SOURCE", str(SOURCE))
sys.path.insert(0, str(HERE.parent / "e2e"))
from deployment import BIN, Deployment, Program  # noqa: E402

PATIENCE = 60  # seconds that a busy machine may need for anything at all


def soon(what, condition, seconds=PATIENCE):
    """Until `condition` holds, looked at again and again: for what lies outside our own programs."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        pause.wait(0.05)


def postgres_programs():
    found = [p for p in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (p / "postgres").exists()]
    assert found, "no Postgres is installed: install the package postgresql"
    return max(found, key=lambda p: int(p.parent.name))


def processes_in(directory):
    """Postgres' processes whose working directory it is, the postmaster first."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if os.path.samefile(entry / "cwd", directory):
                if (entry / "comm").read_text().startswith("postgres"):
                    found.append(int(entry.name))
    return sorted(found)


class Postgres:
    """A cluster that the test owns; durable unless told otherwise; its socket in ROOT/NAME."""

    def __init__(self, root, name, settings=(), copy_of=None):
        self.home = pathlib.Path(root) / name
        self.home.mkdir(mode=0o755)
        self.data, self.name = self.home / "data", name
        self.settings = ["listen_addresses=", f"unix_socket_directories={self.home}",
                         "log_min_messages=fatal", "shared_buffers=32MB", *settings]
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        if copy_of:
            self.tool("pg_basebackup", "-h", str(copy_of.home), "-U", "postgres", "-D", str(self.data),
                      "--checkpoint=fast", "--write-recovery-conf")
        else:
            self.tool("initdb", f"--pgdata={self.data}", "--username=postgres", "--auth=trust",
                      "--no-instructions", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync")

    def as_postgres(self, words):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *words] \
            if os.geteuid() == 0 else words

    def tool(self, program, *words):
        done = subprocess.run(self.as_postgres([str(postgres_programs() / program), *words]),
                              capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self):
        options = " ".join(f"-c {setting}" for setting in self.settings)
        self.tool("pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(self.home / "log"),
                  "-o", options)

    def stop(self, mode="fast"):
        self.tool("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.data))

    def promote(self):
        self.tool("pg_ctl", "promote", "-w", "-D", str(self.data))

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def signal(self, number, everyone=True):
        pids = processes_in(self.data) if everyone else [self.postmaster()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        """As by a power cut of the machine, as far as other programs can tell."""
        pids = processes_in(self.data)
        self.signal(signal.SIGKILL)
        soon("its processes are gone", lambda: not set(pids) & set(processes_in(self.data)))

    def url(self, database="outboard", user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.home}"

    def sql(self, statement, database="outboard"):
        return self.tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(database), "-c",
                         statement).strip()

    def end(self):
        with contextlib.suppress(OSError, AssertionError):
            self.signal(signal.SIGCONT)
            self.stop("immediate")


class Site(Deployment):
    """A deployment on a database of the test's choice: `url`, or its own embedded one."""

    def __init__(self):
        super().__init__()
        sys.path.insert(0, os.path.join(SOURCE, "examples/client_python"))
        os.environ["OUTBOARD_STUBS"] = os.path.join(self.root, "stubs")
        import outboard_client
        self.client_code = outboard_client
        self.clusters, self.servers = [], []

    def postgres(self, name, settings=(), copy_of=None):
        cluster = Postgres(self.root, name, settings, copy_of)
        self.clusters.append(cluster)
        return cluster

    def serve(self, name="s", url=None, options=(), env=None, data="data"):
        """One more server, on `url` or on the private Postgres in ROOT/`data`. The first one's address
        is what `outboard` talks to."""
        address = f"unix:{self.root}/{name}"
        place = ["--database", url] if url else ["--data", os.path.join(self.root, data)]
        server = Program(os.path.join(self.root, name + ".log"), [
            "outboard-server", *place, "--listen", address, "--site-token-file", self.site_token,
            *options], env=env)
        server.address = address
        self.servers.append(server)
        assert server.ready, f"the server {name} did not get ready: {server.words()}"
        self.server = self.server or server
        return server

    def found(self):
        """acme with ada and the volume memory; her token."""
        self.outboard("org", "create", "acme")
        self.outboard("user", "create", "acme/ada")
        self.outboard("volume", "create", "acme/memory")
        file, _ = self.mint("ada", "ada", ["memory"])
        return pathlib.Path(file).read_text().strip()

    def client(self, token, address=None):
        return self.client_code.Client(address or self.address, token)

    def health(self, address=None):
        """As gRPC's health service says it: SERVING, NOT_SERVING, or away."""
        # The one message of grpc.health.v1, read by hand: field 1 of the answer is the status.
        with grpc.insecure_channel(address or self.address) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check",
                                        request_serializer=lambda _: b"",
                                        response_deserializer=lambda raw: raw)
            try:
                raw = check(None, timeout=5)
            except grpc.RpcError:
                return "away"
        return {b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING"}.get(raw, repr(raw))

    def end_servers(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.send(signal.SIGCONT)
                server.end(signal.SIGKILL)
        self.server = None
        for pid in processes_in(self.postgres_data()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        soon("the private Postgres is gone", lambda: not processes_in(self.postgres_data()))

    def end(self):
        self.end_servers()
        for cluster in self.clusters:
            cluster.end()
        super().end()

    def postgres_data(self):
        return os.path.join(self.root, "data", "postgres")


@contextlib.contextmanager
def a_site():
    site = Site()
    try:
        yield site
    except BaseException:
        for server in site.servers:
            sys.stderr.write(f"--- {server.log}\n" + "".join(server.words()[-4000:]))
        raise
    finally:
        site.end()


def diagnose(site):
    """The findings of `outboard doctor`, by what was looked at."""
    done = subprocess.run([os.path.join(BIN, "outboard"), "--server", site.address, "--token-file",
                           site.site_token, "doctor", "--json"], capture_output=True, text=True,
                          check=False)
    assert done.stdout, done.stderr
    return {one["check"]: one for one in json.loads(done.stdout)["findings"]}


class Writers:
    """Each appends its numbered lines to /log, one after the other, and asks again for what was not
    answered, under the same request id. What was acknowledged must be there once; nothing twice."""

    def __init__(self, site, token, addresses, count, twice=False, call_seconds=5):
        self.site, self.twice, self.call_seconds = site, twice, call_seconds
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.acked = [0] * count
        self.tried = [0] * count
        self.slowest, self.refusals = 0.0, {}
        self.went_on = threading.Condition(self.lock)
        first = site.client(token, addresses[0])
        self.volume = first.open_volume("acme/memory")
        self.reader = first
        self.create()
        self.threads = [threading.Thread(target=self.write, name=f"writer-{i}", daemon=True,
                                         args=(i, token, addresses[i % len(addresses)],
                                               addresses[(i + 1) % len(addresses)]))
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def create(self):
        types = self.site.types
        at = types.NameRef(parent=types.NodeRef(path=b"/"), name=b"log")
        step = types.Step(create_file=types.CreateFile(at=at, mode=0o644))
        self.reader.call(self.reader.store.Apply, self.site.store.ApplyRequest(
            volume=self.volume.id, batch=types.Batch(steps=[step])))

    def line(self, client, writer, number):
        types = self.site.types
        step = types.Step(append=types.Append(node=types.NodeRef(path=b"/log"),
                                              body=types.Body(bytes=b"%d %d\n" % (writer, number))))
        return self.site.store.ApplyRequest(volume=self.volume.id, batch=types.Batch(
            request=types.RequestId(client=client.client.bytes, number=number),
            acknowledged=number - 1, steps=[step]))

    def write(self, writer, token, address, other):
        client = self.site.client(token, address)
        second = self.site.client(token, other) if self.twice else None
        number = 0
        while not self.stopping.is_set():
            number += 1
            self.tried[writer] = number
            request = self.line(client, writer, number)
            if second:  # the same words under the same id, at the same time, by another way
                copy = second.store.Apply.future(request, metadata=client.metadata,
                                                 timeout=self.call_seconds)
            while not self.ask(client, request):
                if self.stopping.wait(0.05):
                    return
            if second:
                copy.exception()
            with self.went_on:
                self.acked[writer] = number
                self.went_on.notify_all()

    def ask(self, client, request):
        start = time.monotonic()
        try:
            client.store.Apply(request, metadata=client.metadata, timeout=self.call_seconds)
            return True
        except grpc.RpcError as refused:
            with self.lock:
                self.refusals[refused.code().name] = self.refusals.get(refused.code().name, 0) + 1
            return False
        finally:
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - start)

    def total(self):
        with self.lock:
            return sum(self.acked)

    def advance(self, lines, seconds=PATIENCE):
        """Until so many more lines were acknowledged."""
        with self.went_on:
            goal = sum(self.acked) + lines
            done = self.went_on.wait_for(lambda: sum(self.acked) >= goal, seconds)
            assert done, f"{sum(self.acked)} of {goal} lines in {seconds} s; {self.refusals}"

    def finish(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def check(self, client=None):
        """All lines, each once, in each writer's order, up to what it was told and one further."""
        text = (client or self.reader).read(self.volume, "log")
        seen = [[] for _ in self.acked]
        for line in text.splitlines():
            writer, number = line.split()
            seen[int(writer)].append(int(number))
        lost = doubled = 0
        for writer, numbers in enumerate(seen):
            doubled += len(numbers) - len(set(numbers))
            lost += len(set(range(1, self.acked[writer] + 1)) - set(numbers))
            assert numbers == sorted(numbers), f"writer {writer}: out of order"
            assert not numbers or numbers[-1] <= self.tried[writer], f"writer {writer}: invented"
        assert (lost, doubled) == (0, 0), f"{lost} lines lost, {doubled} doubled"
        return sum(self.acked)


class Proxy:
    """A socket in front of a unix socket. `see(proxy, side, message)` looks at what passes ("front":
    from the client) and says whether it may; False cuts that connection before it is passed on."""

    def __init__(self, at, to, see=lambda proxy, side, message: True, messages=False):
        self.to, self.see, self.messages = to, see, messages
        self.lock, self.pairs = threading.Lock(), set()
        self.ear = socket.socket(socket.AF_UNIX)
        self.ear.bind(at)
        os.chmod(at, 0o777)
        self.ear.listen(256)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                front, _ = self.ear.accept()
            except OSError:
                return
            back = socket.socket(socket.AF_UNIX)
            try:
                back.connect(self.to)
            except OSError:
                front.close()
                continue
            pair = (front, back)
            with self.lock:
                self.pairs.add(pair)
            for side, source, target in (("front", front, back), ("back", back, front)):
                threading.Thread(target=self.carry, args=(pair, side, source, target),
                                 daemon=True).start()

    def carry(self, pair, side, source, target):
        try:
            for part in self.parts(side, source):
                if not self.see(self, side, part):
                    break
                target.sendall(part)
        except OSError:
            pass
        self.cut(pair)

    def parts(self, side, source):
        """Postgres' messages one by one, or bytes as they come."""
        rest, begun = b"", side == "back"
        while True:
            got = source.recv(65536)
            if not got:
                return
            if not self.messages:
                yield got
                continue
            rest += got
            while True:
                head = 1 if begun else 0  # the first one has no type
                if len(rest) < head + 4:
                    break
                size = head + struct.unpack(">I", rest[head:head + 4])[0]
                if len(rest) < size:
                    break
                yield rest[:size]
                rest, begun = rest[size:], True

    def cut(self, pair):
        with self.lock:
            self.pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_all(self):
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self.cut(pair)

    def end(self):
        self.ear.close()
        self.cut_all()


def binds(message, statement):
    """Whether a message of a Postgres client runs the prepared statement of that name."""
    return message[:1] == b"B" and message[5:].split(b"\0", 2)[1] == statement


def commits(message):
    """Whether a message of Postgres says that a transaction is durable."""
    return message[:1] == b"C" and message[5:] == b"COMMIT\0"

