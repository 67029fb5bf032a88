"""Postgres dies, freezes, fills its disk, runs out of connections, is restarted, fails over; always
under 64 writers, or as many as the case can bear. [S43] Nothing that was acknowledged is lost, and
nothing happens twice. [S44] The health service says what is so."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import grpc

from fault_parts import Writers, a_site, diagnose, processes_in, soon

WRITERS = 64


def backends(site):
    """Processes of the embedded Postgres beside its postmaster."""
    directory = site.postgres_data()
    first = int(pathlib.Path(directory, "postmaster.pid").read_text().split()[0])
    return [pid for pid in processes_in(directory) if pid != first], first


def postgres_and_its_backends_are_killed():
    with a_site() as site:
        site.serve()
        token = site.found()
        writers = Writers(site, token, [site.address], WRITERS)
        for round_ in range(3):
            writers.advance(200)
            others, postmaster = backends(site)
            os.kill(others[round_ % len(others)] if round_ < 2 else postmaster, signal.SIGKILL)
        writers.advance(400)
        writers.finish()
        soon("health is well again", lambda: site.health() == "SERVING")
        return f"{writers.check()} lines through two killed backends and a killed postmaster"


def postgres_is_frozen():
    with a_site() as site:
        site.serve()
        token = site.found()
        writers = Writers(site, token, [site.address], WRITERS, call_seconds=2)
        writers.advance(200)
        frozen = processes_in(site.postgres_data())
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        soon("health says so", lambda: site.health() == "NOT_SERVING")
        told = writers.total()
        soon("writers hear of their deadlines", lambda: writers.refusals.get("DEADLINE_EXCEEDED", 0) > 0)
        assert writers.total() <= told + WRITERS, "acknowledged by a frozen database"
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        soon("health is well again", lambda: site.health() == "SERVING")
        writers.advance(400)
        writers.finish()
        assert writers.slowest < 2 + 3, f"a call of 2 s took {writers.slowest:.1f} s"
        return f"{writers.check()} lines; the slowest call of 2 s took {writers.slowest:.2f} s"


def postgres_is_restarted():
    with a_site() as site:
        cluster = site.postgres("pg")
        cluster.start()
        cluster.sql("CREATE DATABASE outboard", "postgres")
        site.serve(url=cluster.url())
        token = site.found()
        writers = Writers(site, token, [site.address], WRITERS)
        for mode in ("fast", "immediate"):
            writers.advance(300)
            cluster.stop(mode)
            soon("health says so", lambda: site.health() == "NOT_SERVING")
            cluster.start()
        soon("health is well again", lambda: site.health() == "SERVING")
        writers.advance(400)
        writers.finish()
        return f"{writers.check()} lines through a fast and an immediate stop"


def postgres_has_no_connection_left():
    with a_site() as site:
        cluster = site.postgres("pg", ["max_connections=14", "superuser_reserved_connections=3"])
        cluster.start()
        cluster.sql("CREATE ROLE outboard LOGIN", "postgres")
        cluster.sql("CREATE DATABASE outboard OWNER outboard", "postgres")
        site.serve(url=cluster.url(user="outboard"), options=["--connections", "32"])
        token = site.found()
        report = diagnose(site)
        assert report["connections"]["verdict"] == "wrong", report["connections"]
        writers = Writers(site, token, [site.address], 32)
        writers.advance(200)
        taken = [subprocess.Popen(["psql", "-X", cluster.url(user="outboard")], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                 for _ in range(12)]
        writers.advance(200)  # what the server has, it keeps
        for client in taken:
            client.stdin.close()
            client.wait()
        writers.advance(200)
        writers.finish()
        return f"{writers.check()} lines with 11 connections for 39 that were wanted"


class SmallDisk:
    """A tmpfs over the server's data directory, and a file that fills it."""

    def __init__(self, directory, mebibytes):
        self.directory = directory
        self.filler = os.path.join(directory, "filler")
        os.makedirs(directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "tmpfs",
                        directory], check=True)

    def fill(self):
        with open(self.filler, "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
                file.flush()

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.filler)

    def end(self):
        subprocess.run(["umount", "-l", self.directory], check=False)


@contextlib.contextmanager
def a_site_on_a_small_disk():
    with a_site() as site:
        disk = SmallDisk(os.path.join(site.root, "data"), 400)
        try:
            site.serve()
            yield site, disk
        finally:
            try:
                site.end_servers()
            finally:
                disk.end()


def goes_on_by_itself(site, disk, writers):
    disk.free()
    start = time.monotonic()
    writers.advance(400)
    took = time.monotonic() - start
    writers.finish()
    soon("health is well again", lambda: site.health() == "SERVING")
    assert site.server.process.poll() is None, "the server ended"
    return (f"{writers.check()} lines; refused with {sorted(writers.refusals)}; writing again "
            f"{took:.1f} s after there was room, without a restart")


def the_disk_is_full():
    with a_site_on_a_small_disk() as (site, disk):
        token = site.found()
        writers = Writers(site, token, [site.address], 16)
        writers.advance(200)
        assert diagnose(site)["disk"]["verdict"] != "fine"
        disk.fill()
        before = dict(writers.refusals)
        other = site.client(token)
        said = fill_volume(site, other, other.open_volume("acme/memory"))
        assert said == {"RESOURCE_EXHAUSTED"}, said
        soon("writers are refused", lambda: writers.refusals != before)
        assert len(other.read(writers.volume, "log")) > 200, "reads do not go on"
        assert diagnose(site)["disk"]["verdict"] == "wrong"
        return goes_on_by_itself(site, disk, writers)


def the_disk_is_full_where_the_log_is_written():
    """Postgres cannot make its next log segment and stops itself; it comes back when there is room."""
    with a_site_on_a_small_disk() as (site, disk):
        token = site.found()
        writers = Writers(site, token, [site.address], 16)
        writers.advance(200)
        disk.fill()
        url = pathlib.Path(site.root, "data", "url").read_text().strip()
        for _ in range(600):
            done = subprocess.run(
                ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", url, "-c",
                 "SELECT pg_logical_emit_message(true, 'fill', repeat('x', 2000000))"],
                capture_output=True, text=True, check=False)
            if done.returncode != 0:
                break
        assert done.returncode != 0, "1.2 GB of log on a disk of 400 MB"
        soon("health says so", lambda: site.health() == "NOT_SERVING")
        return goes_on_by_itself(site, disk, writers)


def fill_volume(site, client, volume):
    """Writes until there is no room, in words that say so."""
    types = site.types
    said = set()
    end = time.monotonic() + 60
    number = 0
    while time.monotonic() < end:
        number += 1
        at = types.NameRef(parent=types.NodeRef(path=b"/"), name=b"big%d" % number)
        step = types.Step(publish=types.Publish(at=at, body=types.Body(bytes=os.urandom(1 << 20))))
        try:
            client.call(client.store.Apply, site.store.ApplyRequest(
                volume=volume.id, batch=types.Batch(steps=[step])))
        except grpc.RpcError as refused:
            said.add(refused.code().name)
            return said
    raise AssertionError("a full disk took 60 s of writes")


def a_pair(site):
    """A primary, its synchronous standby, and the URL that finds whichever of them may be written to."""
    primary = site.postgres("one", ["synchronous_standby_names='*'", "synchronous_commit=local"])
    primary.start()
    primary.sql("CREATE ROLE outboard LOGIN", "postgres")
    primary.sql("CREATE DATABASE outboard OWNER outboard", "postgres")
    standby = site.postgres("two", ["hot_standby=on"], copy_of=primary)
    standby.start()
    primary.stop()
    primary.settings.remove("synchronous_commit=local")
    primary.start()
    soon("the standby follows", lambda: primary.sql(
        "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")
    return primary, standby, (f"postgresql://outboard@/outboard?host={primary.home},{standby.home}"
                              "&target_session_attrs=read-write")


def a_standby_is_promoted():
    """Synchronous replication: what was acknowledged is on the standby that takes over."""
    with a_site() as site:
        primary, standby, url = a_pair(site)
        site.serve(url=url)
        second = site.serve("t", url=url)
        token = site.found()
        report = diagnose(site)
        assert "synchronous standbys" in report["replication"]["found"], report["replication"]
        writers = Writers(site, token, [site.address, second.address], WRITERS)
        writers.advance(1000)
        primary.kill()
        start = time.monotonic()
        standby.promote()
        writers.advance(200)
        took = time.monotonic() - start
        soon("health is well again", lambda: site.health() == "SERVING")
        writers.advance(1000)
        writers.finish()
        return f"{writers.check()} lines; writing again {took:.1f} s after the primary's end"


def a_frozen_primary_is_replaced():
    """The primary does not die but hangs: its host is passed over, not waited for."""
    with a_site() as site:
        primary, standby, url = a_pair(site)
        site.serve(url=url)
        token = site.found()
        writers = Writers(site, token, [site.address], 16)
        writers.advance(300)
        primary.signal(signal.SIGSTOP)
        standby.promote()
        start = time.monotonic()
        writers.advance(300, seconds=150)
        took = time.monotonic() - start
        writers.finish()
        primary.kill()
        return f"{writers.check()} lines; writing again {took:.1f} s after the primary froze"


CASES = [postgres_and_its_backends_are_killed, postgres_is_frozen, postgres_is_restarted,
         postgres_has_no_connection_left, the_disk_is_full,
         the_disk_is_full_where_the_log_is_written, a_standby_is_promoted,
         a_frozen_primary_is_replaced]
