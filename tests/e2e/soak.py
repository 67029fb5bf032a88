#!/usr/bin/python3
"""Hours of the promises about content, on a real server with four mounts.

    soak.py [--rounds N] [--appends N] [--kills N] [--stalls N] [--operations N] [--seed S]

  whole       one mount grows and shrinks a file for N rounds (10,000); the others read it in pieces of 1 KiB, by mmap and by
              fstat: nothing torn, nothing older than what was seen before, no SIGBUS; behind a barrier nothing older than
              what was published before it
  appends     N appends (10,000) from four mounts, while the server is killed now and then: none lost, none there twice
  stalled     a mount that slept through 2,000 changes shows, behind a barrier, the last of them
  registers   N reads and writes (10,000) of a few files from all mounts: behind a barrier nothing is stale, and what each mount
              reads and all write is linearizable; how often two mounts saw two writes the other way round is told: that
              is not promised. Of a strict volume all is, without a barrier, while two of the mounts hear of changes late.

Exit code 0: all of that held.
"""

import argparse
import asyncio
import collections
import concurrent.futures
import contextlib
import json
import os
import random
import signal
import sys
import threading
import time

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import Deployment  # noqa: E402
import history  # noqa: E402

MOUNTS = 4
FILES = 8
FEW = 2      # so that they meet
THREADS = 2  # in each mount
LATE = 0.1   # seconds; far less than a lease
HANGS = 120  # seconds; whatever takes that long will not come


class Detour:
    """A longer way to the server: what comes from there is `late` by so many seconds."""

    def __init__(self, place, to):
        self.place, self.to, self.late = place, to, 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.loop.run_until_complete(asyncio.start_unix_server(self.serve, self.place))
        self.loop.run_forever()

    async def serve(self, reader, writer):
        try:
            there, back = await asyncio.open_unix_connection(self.to)
        except OSError:  # the server is away
            return writer.close()
        await asyncio.gather(self.carry(reader, back, lambda: 0), self.carry(there, writer, lambda: self.late))

    @staticmethod
    async def carry(reader, writer, late):
        """In order, whatever `late` says meanwhile."""
        due = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                due = max(due, asyncio.get_running_loop().time() + late())
                asyncio.get_running_loop().call_at(due, writer.write, data)
        with contextlib.suppress(OSError):
            writer.close()

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Published:
    """How many rounds the writer has closed, as it says byte by byte at the other end of a pipe."""

    def __init__(self, ear):
        self.ear, self.rounds, self.over = ear, 0, threading.Event()
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        with open(self.ear, "rb", buffering=0) as said:
            while rounds := said.read(4096):
                self.rounds += len(rounds)
        self.over.set()


class Soak:
    def __init__(self):
        self.site = Deployment()

    def __enter__(self):
        site = self.site
        try:
            site.start_server()
            site.outboard("org", "create", "acme")
            site.outboard("user", "create", "acme/ada")
            site.outboard("volume", "create", "acme/memory")
            site.outboard("volume", "create", "acme/ledger", "--strict")
            way = os.path.join(site.root, "detour")
            self.detour = Detour(way, site.address.removeprefix("unix:"))
            for number in range(MOUNTS):
                site.add_mount(f"m{number}", "ada", ["memory", "ledger"], server=f"unix:{way}" if number % 2 else None)
            with open(site.site_token, encoding="utf-8") as token:
                self.metadata = (("authorization", f"Bearer {token.read().strip()}"),)
        except BaseException:
            site.end()
            raise
        return self

    def __exit__(self, *_):
        self.site.end()
        self.detour.end()

    # ── Whole ──

    def whole(self, rounds, seconds):
        """Reads, versions seen, barriers passed, faults."""
        site, name = self.site, f"whole-{rounds}"
        first = site.worker("grow_and_shrink", site.mounts[0].at("memory", name), 1)
        self.verdict(first)
        site.meet("memory", *site.mounts)
        readers = [site.worker("read", mount.at("memory", name), rounds, seconds) for mount in site.mounts[1:]]
        ear, mouth = os.pipe()
        writer = site.worker("grow_and_shrink", site.mounts[0].at("memory", name), rounds, mouth, progress=mouth)
        os.close(mouth)
        published = Published(ear)
        with concurrent.futures.ThreadPoolExecutor(MOUNTS) as looks:
            late = [looks.submit(self.look_behind_barriers, mount, name, published) for mount in site.mounts[1:]]
            wrote = self.verdict(writer)
            passed, old = zip(*(one.result() for one in late))
        seen = [self.verdict(reader) for reader in readers]
        faults = [fault for one in seen for fault in one.get("faults", [f"a reader died: {one}"])] + sum(old, [])
        if wrote != {"rounds": rounds}:
            faults.append(f"the writer: {wrote}")
        if not all(one.get("last") for one in seen):
            faults.append("the last version never came")
        return sum(one.get("reads", 0) for one in seen), sum(one.get("seen", 0) for one in seen), sum(passed), faults

    def look_behind_barriers(self, mount, name, published):
        """How many barriers the mount has passed while rounds were written, and what it showed behind them that was older than
        the last round whose close had returned before."""
        store = self.site.store_grpc.StoreServiceStub(grpc.insecure_channel(self.site.address))
        control = self.site.mount_grpc.MountServiceStub(grpc.insecure_channel("unix:" + mount.control))
        passed, old, over = 0, [], False
        while not over:
            over, least = published.over.is_set(), published.rounds
            self.meet(store, control, "memory")
            passed += 1
            with open(mount.at("memory", name), "rb") as file:
                shown = int(file.read(7))
            if shown < least:
                old.append(f"round {shown} behind a barrier, when round {least} had been published")
        return passed, old

    def verdict(self, worker):
        with worker.stdout:
            said = worker.stdout.read()
        return json.loads(said.splitlines()[-1]) if worker.wait() == 0 else {"died": worker.returncode}

    # ── Appends ──

    def appends(self, count, kills):
        """Lines lost, lines there twice, lines of nobody, appends refused."""
        site, name = self.site, f"appends-{count}-{kills}"
        with open(site.mounts[0].at("memory", name), "w", encoding="utf-8"):
            pass
        site.meet("memory", *site.mounts)
        ear, mouth = os.pipe()
        share = count // MOUNTS
        workers = [site.worker("append", mount.at("memory", name), f"m{number}", share, mouth, progress=mouth)
                   for number, mount in enumerate(site.mounts)]
        os.close(mouth)
        done, killed = 0, 0
        with concurrent.futures.ThreadPoolExecutor(MOUNTS) as ears:  # what they say is longer than a pipe holds
            said_at_end = [ears.submit(self.verdict, worker) for worker in workers]
            while said := os.read(ear, 4096):
                done += len(said)
                if killed < kills and done > count * (killed + 1) // (kills + 1):
                    killed += 1
                    site.server.end(signal.SIGKILL)
                    site.start_server()
            results = [one.result() for one in said_at_end]
        os.close(ear)
        kept = [line for result in results for line in result.get("kept", [])]
        refused = [line for result in results for line, _ in result.get("refused", [])]
        lines = site.outboard("memory", "cat", name, "--volume", "acme/memory").splitlines(keepends=True)
        lost = sorted(set(kept) - set(lines)) + [str(result) for result in results if "died" in result]
        twice = [line for line, times in collections.Counter(lines).items() if times > 1]
        nobodys = sorted(set(lines) - set(kept) - set(refused))
        site.meet("memory", *site.mounts)
        for mount in site.mounts:
            with open(mount.at("memory", name), encoding="utf-8") as file:
                if file.read() != "".join(lines):
                    nobodys.append(f"{mount.root} shows something else")
        return lost, twice, nobodys, refused

    # ── Stalled ──

    def stalled(self, rounds, changes):
        """What a mount showed behind a barrier that was older than it may be. One statement of SQL changes all files while
        the mount's daemon sleeps, so that it has much to do when it wakes and the barrier is asked for."""
        site, folder = self.site, f"stalled-{rounds}"
        writer, sleeper = site.mounts[:2]
        os.mkdir(writer.at("memory", folder))
        site.sql(f"INSERT INTO outboard.memory_files (org, path, content) SELECT 'acme', '/{folder}/f' || n, 'first' "
                 f"FROM generate_series(1, {changes}) n")
        store = site.store_grpc.StoreServiceStub(grpc.insecure_channel(site.address))
        control = site.mount_grpc.MountServiceStub(grpc.insecure_channel("unix:" + sleeper.control))
        self.meet(store, control, "memory")
        wrong = []
        for number in range(rounds):
            sleeper.program.send(signal.SIGSTOP)
            try:
                site.sql(f"UPDATE outboard.memory_files SET content = 'round {number}' WHERE path LIKE '/{folder}/f%'")
            finally:
                sleeper.program.send(signal.SIGCONT)
            self.meet(store, control, "memory")
            for change in range(changes, max(0, changes - 50), -1):
                with open(sleeper.at("memory", folder, f"f{change}"), encoding="utf-8") as file:
                    text = file.read()
                if text != f"round {number}":
                    wrong.append(f"{text} instead of round {number}")
        return wrong

    # ── Registers ──

    def registers(self, volume, operations, seed, barrier):
        """Faults (stale reads, disorder within a mount, errors), disorder between mounts, how many operations. Without a barrier
        two mounts hear late what the server says, so that what the others show already they do not know of yet."""
        site, folder, files = self.site, f"registers-{seed}-{operations}", FILES if barrier else FEW
        os.mkdir(site.mounts[0].at(volume, folder))
        for number in range(files):
            with open(site.mounts[0].at(volume, folder, f"r{number}"), "w", encoding="utf-8") as file:
                file.write("first")
        site.meet(volume, *site.mounts)
        done, errors = [[] for _ in range(files)], []
        start = time.monotonic()
        for of in done:
            of.append(history.Operation("write", "first", start - 1, start))
        threads = [threading.Thread(target=self.use_registers, args=(
            number, volume, folder, operations // (MOUNTS * THREADS), random.Random(f"{seed}/{number}"),
            barrier, done, errors)) for number in range(MOUNTS * THREADS)]
        self.detour.late = 0 if barrier else LATE
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.detour.late = 0
        faults, between = errors, []
        for of in done:
            within, across = history.disorder(of)
            faults += history.stale_reads(of) + within
            between += across
        return faults, between, sum(len(of) for of in done)

    def use_registers(self, who, volume, folder, count, dice, barrier, done, errors):
        site, mount = self.site, self.site.mounts[who % MOUNTS]
        store = site.store_grpc.StoreServiceStub(grpc.insecure_channel(site.address))
        control = site.mount_grpc.MountServiceStub(grpc.insecure_channel("unix:" + mount.control))
        try:
            for number in range(count):
                register = dice.randrange(len(done))
                path = mount.at(volume, folder, f"r{register}")
                writes = dice.random() < 0.3
                start = time.monotonic()
                if writes:
                    value = f"{who}-{number}"
                    with open(f"{path}.{who}", "w", encoding="utf-8") as file:
                        file.write(value)
                    os.rename(f"{path}.{who}", path)
                else:
                    if barrier:
                        self.meet(store, control, volume)
                    with open(path, encoding="utf-8") as file:
                        value = file.read()
                done[register].append(history.Operation("write" if writes else "read", value, start, time.monotonic(),
                                                        who % MOUNTS))
        except (OSError, grpc.RpcError) as error:
            errors.append((who, str(error)))

    def meet(self, store, control, volume):
        name = f"acme/{volume}"
        asked = self.site.store.OpenVolumeRequest(name=name)
        head = store.OpenVolume(asked, metadata=self.metadata, timeout=HANGS).volume.head
        try:
            control.Barrier(self.site.mount.BarrierRequest(seqs={name: head}), timeout=HANGS, wait_for_ready=True)
        except grpc.RpcError as error:
            raise OSError(f"the barrier to {head} was not reached: {error.code()} {error.details()}") from error


def main():
    parser = argparse.ArgumentParser(description="the promises about content, for long")
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--appends", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--stalls", type=int, default=50)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    wrong = []
    with Soak() as soak:
        reads, seen, passed, faults = soak.whole(arguments.rounds, 3600)
        print(f"whole: {arguments.rounds} rounds, {reads} reads of {seen} versions, {passed} behind a barrier, "
              f"{len(faults)} faults", flush=True)
        wrong += faults
        for kills in (0, arguments.kills):
            lost, twice, nobodys, refused = soak.appends(arguments.appends, kills)
            print(f"appends: {arguments.appends} with {kills} kills of the server: {len(lost)} lost, {len(twice)} twice, "
                  f"{len(nobodys)} of nobody, {len(refused)} refused", flush=True)
            wrong += lost + twice + nobodys
        old = soak.stalled(arguments.stalls, 2000)
        print(f"stalled: {arguments.stalls} times through 2000 changes: {len(old)} old", flush=True)
        wrong += old
        for volume, barrier in (("memory", True), ("ledger", False)):
            faults, between, done = soak.registers(volume, arguments.operations, arguments.seed, barrier)
            print(f"registers: {done} operations, {'behind a barrier' if barrier else 'strict'}: {len(faults)} stale or out of "
                  f"order within a mount, {len(between)} out of order between mounts", flush=True)
            wrong += faults if barrier else faults + between
    for one in wrong[:20]:
        print("  ", one)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
