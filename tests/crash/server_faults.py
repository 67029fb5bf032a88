"""The server dies at named points around COMMIT, its words with Postgres and with its clients are cut,
requests come twice, clocks are wrong. No hook is in the product: proxies stand at both of its doors.
[S43] Nothing that was acknowledged is lost, and nothing happens twice."""

import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

import grpc

from fault_parts import (BIN, Proxy, Writers, a_site, binds, commits, diagnose, processes_in,
                         soon)

# Where a transaction is, as its words pass between server and Postgres.
POINTS = {
    "before it begins": lambda side, said: side == "front" and binds(said, b"commit_begin"),
    "while it is written": lambda side, said: side == "front" and binds(said, b"commit_keep"),
    "before COMMIT is sent": lambda side, said: side == "front" and binds(said, b"commit_commit"),
    "behind COMMIT, before the server hears": lambda side, said: side == "back" and commits(said),
}


class Saboteur:
    """Cuts every nth transaction at each of the points, in turn; calls `then` at each cut."""

    def __init__(self, every, then=lambda point: None):
        self.every, self.then = every, then
        self.lock, self.armed, self.passed = threading.Lock(), False, 0
        self.cuts = {name: 0 for name in POINTS}

    def see(self, _proxy, side, message):
        with self.lock:
            if not self.armed:
                return True
            name = min(self.cuts, key=self.cuts.get)  # the one that had fewest
            if not POINTS[name](side, message):
                return True
            self.passed += 1
            if self.passed % self.every:
                return True
            self.cuts[name] += 1
        self.then(name)
        return False


def proxied(site, see):
    """A server on a Postgres of the test's, with a proxy between them."""
    cluster = site.postgres("pg")
    cluster.start()
    cluster.sql("CREATE DATABASE outboard", "postgres")
    door = pathlib.Path(site.root, "door")
    door.mkdir()
    proxy = Proxy(str(door / ".s.PGSQL.5432"), str(cluster.home / ".s.PGSQL.5432"), see,
                  messages=True)
    return proxy, f"postgresql://postgres@/outboard?host={door}"


def connections_are_cut_around_commit():
    with a_site() as site:
        saboteur = Saboteur(every=5)
        proxy, url = proxied(site, saboteur.see)
        site.serve(url=url)
        token = site.found()
        writers = Writers(site, token, [site.address], 64)
        saboteur.armed = True
        soon("each point was cut", lambda: min(saboteur.cuts.values()) >= 5, 120)
        saboteur.armed = False
        writers.advance(300)
        writers.finish()
        said = f"{writers.check()} lines; cuts: {saboteur.cuts}"
        proxy.end()  # last: the check asks the server, and that the database
        return said


def the_server_is_killed_around_commit():
    with a_site() as site:
        killed = queue.Queue()

        def kill(point):
            site.server.send(signal.SIGKILL)
            killed.put(point)

        saboteur = Saboteur(every=7, then=kill)
        proxy, url = proxied(site, saboteur.see)
        site.serve(url=url)
        token = site.found()
        writers = Writers(site, token, [site.address], 64)
        for _ in range(2 * len(POINTS)):
            saboteur.armed = True
            killed.get(timeout=60)
            saboteur.armed = False
            site.server.process.wait(30)
            os.remove(os.path.join(site.root, "s"))
            site.server = None
            site.serve(url=url)
            writers.advance(50)
        writers.finish()
        said = f"{writers.check()} lines through {sum(saboteur.cuts.values())} kills: {saboteur.cuts}"
        proxy.end()
        return said


def clients_are_cut_and_ask_twice():
    """Between clients and two servers: connections cut in the middle of either direction, each request
    sent at once to both servers under one id."""
    with a_site() as site:
        first = site.serve()
        with open(os.path.join(site.root, "data", "url"), encoding="utf-8") as url:
            second = site.serve("t", url=url.read().strip())
        token = site.found()
        seen = {"parts": 0, "cuts": 0}

        def see(_proxy, side, _part):
            seen["parts"] += 1
            if seen["parts"] % (97 if side == "back" else 101):
                return True
            seen["cuts"] += 1
            return False

        proxies = []
        for name, server in (("p", first), ("q", second)):
            path = os.path.join(site.root, name)
            proxies.append(Proxy(path, server.address.removeprefix("unix:"), see))
        addresses = [f"unix:{site.root}/p", f"unix:{site.root}/q"]
        writers = Writers(site, token, addresses, 32, twice=True)
        writers.reader = site.client(token)
        soon("enough cuts", lambda: seen["cuts"] >= 40, 120)
        writers.advance(50)
        writers.finish()
        total = writers.check()
        for proxy in proxies:
            proxy.end()
        return f"{total} lines, each sent twice, through {seen['cuts']} cuts"


def clocks_are_wrong():
    """[S46] A server a year ahead and a client a year behind: nothing is decided by them."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library, "install the package faketime"
    with a_site() as site:
        cluster = site.postgres("pg")
        cluster.start()
        cluster.sql("CREATE DATABASE outboard", "postgres")

        def wrong(shift):
            return {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": shift,
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

        site.serve(url=cluster.url(), env=wrong("+365d"))
        behind = site.serve("t", url=cluster.url(), env=wrong("-365d"))
        token = site.found()
        writers = Writers(site, token, [site.address, behind.address], 16)
        writers.advance(300)
        report = diagnose(site)
        assert report["server clock"]["verdict"] == "doubtful", report["server clock"]
        writers.finish()
        lines = writers.check()
        ada = os.path.join(site.root, "ada.token")
        for shift in ("+365d", "-365d"):
            said = subprocess.run(
                [os.path.join(BIN, "outboard"), "--server", site.address, "--token-file", ada, "--org",
                 "acme", "memory", "put", "late" + shift, "-"], input="here\n", text=True,
                capture_output=True, env=wrong(shift), check=False)
            assert said.returncode == 0, said.stderr
        file = os.path.join(site.root, "short.token")
        site.outboard("token", "mint", "acme/ada", "--grant", "acme/memory:rw", "--life", "3s",
                      "--to-file", file)
        short = pathlib.Path(file).read_text().strip()
        for address in (site.address, behind.address):
            site.client(short, address).open_volume("acme/memory")
        soon("it expires by the database's clock", lambda: refused(site, short))
        off = float(cluster.sql("SELECT max(abs(extract(epoch FROM now()) - changed / 1e9)) "
                                "FROM outboard.changes"))
        assert off < 600, f"a change bears a time that is {off:.0f} s off the database's"
        return (f"{lines} lines at servers a year ahead and a year behind, with commands as far off; a "
                "token ended in time")


def refused(site, token):
    try:
        site.client(token).open_volume("acme/memory")
    except grpc.RpcError as why:
        assert why.code() == grpc.StatusCode.UNAUTHENTICATED, why
        return True
    return False


def a_token_ends_in_the_middle_of_a_stream():
    with a_site() as site:
        site.serve()
        token = site.found()
        file = os.path.join(site.root, "short.token")
        site.outboard("token", "mint", "acme/ada", "--grant", "acme/memory:rw", "--life", "3s",
                      "--to-file", file)
        minted = time.monotonic()
        client = site.client(pathlib.Path(file).read_text().strip())
        volume = client.open_volume("acme/memory")
        other = site.client(token)
        seen, ended = [], []

        def watch():
            try:
                for change in client.changes(volume, 0):
                    seen.append(change)
            except (grpc.RpcError, ConnectionError) as why:
                ended.append((time.monotonic() - minted, why))

        watching = threading.Thread(target=watch)
        watching.start()
        other.append(volume, "notes", "before")
        soon("the watcher sees it", lambda: seen)
        watching.join(30)
        assert ended, "the stream outlived its token by 30 s"
        after, why = ended[0]
        assert 2.5 < after < 3 + 1 + 4, f"it ended {after:.1f} s after a token of 3 s was minted"
        known = len(seen)
        other.append(volume, "notes", "after")
        assert len(seen) == known
        return f"a token of 3 s: its stream ended after {after:.1f} s: {str(why).splitlines()[0][:60]}"


def two_servers_on_one_directory():
    """The second is refused in words; when the first is killed, the next one takes over whole."""
    with a_site() as site:
        site.serve()
        token = site.found()
        writers = Writers(site, token, [site.address], 8)
        writers.advance(100)
        second = subprocess.run(
            [os.path.join(BIN, "outboard-server"), "--data", os.path.join(site.root, "data"),
             "--listen", f"unix:{site.root}/t"], capture_output=True, text=True, timeout=30,
            check=False)
        assert second.returncode == 1, second
        assert "is in use by another outboard-server" in second.stderr, second.stderr
        for _ in range(3):
            writers.advance(50)
            site.server.end(signal.SIGKILL)
            os.remove(os.path.join(site.root, "s"))
            site.server = None
            site.serve()
        writers.advance(100)
        writers.finish()
        directory = site.postgres_data()
        first = int(pathlib.Path(directory, "postmaster.pid").read_text().split()[0])
        assert first in processes_in(directory)
        return f"{writers.check()} lines through 3 kill -9 of the server with its private Postgres"


def a_frozen_private_postgres_ends_with_its_server():
    """kill -9 of a server whose Postgres is frozen: the next one says who is in the way, or starts."""
    with a_site() as site:
        site.serve()
        token = site.found()
        writers = Writers(site, token, [site.address], 4, call_seconds=1)
        writers.advance(50)
        frozen = processes_in(site.postgres_data())
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        site.server.end(signal.SIGKILL)
        os.remove(os.path.join(site.root, "s"))
        site.server = None
        start = time.monotonic()
        site.serve()
        took = time.monotonic() - start
        writers.advance(50)
        writers.finish()
        return f"{writers.check()} lines; the next server was ready {took:.1f} s after its start"


CASES = [connections_are_cut_around_commit, the_server_is_killed_around_commit,
         clients_are_cut_and_ask_twice, clocks_are_wrong, a_token_ends_in_the_middle_of_a_stream,
         two_servers_on_one_directory, a_frozen_private_postgres_ends_with_its_server]
