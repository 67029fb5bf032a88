#!/usr/bin/python3
"""Kills harnesses, or sandboxes, at random moments of sessions whose effects can be counted.

    chaos.py [--kills N] [--of harness|sandbox] [--seed N] [--together N] [--scenario FILE]

A playground runs sessions of examples/scenarios/countable.yaml, several together; kill -9 hits at
random moments until there were N; then the sessions go on to their ends and are looked at:

  lost       a step that the journal calls done, and whose line is missing in the workspace or memory
  doubled    a line that is there more than once
  orphaned   a tool call without exactly one result
  stuck      a session that never came to rest, or failed for another reason than three crashes
             on one turn, which is what it is told to do
  untold     an outcome that nobody knows and that the model was not told so; with --of harness
             every outcome is known

Exit code 0: all of them are 0. The seed is printed, and chooses the same moments again.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
STEPS = 12
REST_SECONDS = 120
AT_REST = {"3", "4", "5"}  # waiting, finished, failed
FAILED = "5"


class Playground:
    """examples/playground/up in a directory of its own; its words are the events we wait for."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="outboard-chaos-"))
        self.directory.chmod(0o755)
        self.process = subprocess.Popen(
            [EXAMPLES / "playground" / "up", self.directory, "--mounts", "1"],
            stderr=subprocess.PIPE, text=True)
        self.said = []
        self.hear("Ready:")
        lines = subprocess.run(["bash", "-c", f". {self.directory}/env; env -0"],
                               capture_output=True, check=True).stdout.decode().split("\0")
        self.environment = dict(line.split("=", 1) for line in lines if "=" in line)
        if "OUTBOARD_HARNESS" not in self.environment:
            self.end()
            sys.exit("chaos: the playground has no harness: " + " ".join(self.said))
        self.program = os.path.join(self.environment["OUTBOARD_BIN"], "outboard")
        self.sandboxes = self.directory / "sandboxes"

    def hear(self, word):
        for line in self.process.stderr:
            self.said.append(line.strip())
            if line.startswith(word):
                return
        sys.exit("chaos: the playground ended: " + "\n".join(self.said[-10:]))

    def sql(self, statement):
        """Rows of fields."""
        done = subprocess.run(
            ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1",
             self.environment["OUTBOARD_DATABASE_URL"], "-c", statement],
            capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def kill_harness(self):
        pid = int((self.directory / "run" / "harness.child").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        self.hear("The harness is back")

    def outer_of(self, session):
        """The process whose end is the sandbox's; none when there is none."""
        try:
            return int((self.sandboxes / session / "record").read_text().split()[3])
        except (OSError, ValueError, IndexError):
            return 0

    def end_sandbox(self, session, how):
        pid = self.outer_of(session)
        if pid == 0:
            return False
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return False
        return True

    def end(self):
        self.process.terminate()
        self.process.communicate()


class Session:
    """One run of the scenario, with a memory file of its own."""

    def __init__(self, playground, scenario):
        self.playground = playground
        self.text = scenario
        self.run()

    def run(self):
        """A start whose answer was lost may have begun one: the next one counts elsewhere."""
        name = f"count-{uuid.uuid4()}"
        self.memory = name + ".txt"
        scenario = self.playground.directory / f"{name}.yaml"
        scenario.write_text(self.text.replace("/memory/count.txt", f"/memory/{self.memory}"))
        self.said = self.playground.directory / f"{name}.said"
        words = ["session", "run", "--model", f"scripted:{scenario}", "Count to twelve."]
        with self.said.open("w") as said:
            self.process = subprocess.Popen([self.playground.program, *words], stdout=said,
                                            stderr=said, stdin=subprocess.DEVNULL,
                                            env=self.playground.environment)

    @property
    def id(self):
        """Empty: it has not begun."""
        found = re.search(r"^session ([0-9a-f-]{36})$", self.said.read_text(), re.MULTILINE)
        return found.group(1) if found else ""

    def state(self):
        if not self.id:
            return ["", "0", "it never began"]
        rows = self.playground.sql(
            f"select coalesce(state, 0), head_seq, diagnosis from outboard.sessions where id = '{self.id}'")
        return rows[0] if rows else ["", "0", ""]

    def ended(self):
        """Whether it rests. One that never began is begun again."""
        if self.process.poll() is None:
            return False
        if not self.id:
            self.run()
            return False
        return self.state()[0] in AT_REST

    def calls(self):
        """Op → (step, [terminal events]), in order."""
        rows = self.playground.sql(
            "select kind, convert_from(payload, 'UTF8') from outboard.events "
            f"where session = '{self.id}' and kind like 'call_%' order by seq")
        calls = {}
        for kind, payload in rows:
            event = json.loads(payload)
            op = event["op"]
            if kind == "call_intended":
                calls[op] = (len(calls) + 1, [])
            elif kind in ("call_finished", "call_denied", "call_lost"):
                calls[op][1].append((kind, event))
        return calls

    def lines(self):
        """How often each step's number is in the workspace's file, and in the memory's."""
        try:
            kept = (self.playground.sandboxes / self.id / "workspace" / "count.txt").read_text()
        except OSError:
            kept = ""
        shared = subprocess.run([self.playground.program, "memory", "cat", self.memory,
                                 "--volume", "acme/memory"], env=self.playground.environment,
                                capture_output=True, text=True, check=False).stdout
        return collections.Counter(kept.split()), collections.Counter(shared.split())


def look(session, of_harness, total):
    state, _, diagnosis = session.state()
    calls = session.calls()
    kept, shared = session.lines()
    open_calls = session.playground.sql(
        f"select count(*) from outboard.tool_calls where session = '{session.id}' and state < 5")
    total["calls"] += len(calls)
    total["orphaned"] += int(open_calls[0][0])
    if state == FAILED or state not in AT_REST or len(calls) != STEPS:
        total["stuck"] += 1
        print(f"session {session.id} stands at {len(calls)} calls, state {state}: {diagnosis}")
    for op, (step, ends) in calls.items():
        counts = (kept[str(step)], shared[str(step)])
        total["doubled"] += sum(count > 1 for count in counts)
        if len(ends) != 1:
            total["orphaned"] += 1
            print(f"session {session.id}, call {op}: {len(ends)} results")
            continue
        kind, event = ends[0]
        said = json.dumps(event)
        if kind == "call_finished" and f"counted {step}" in said:
            total["finished"] += 1
            total["lost"] += sum(count == 0 for count in counts)
        elif kind == "call_lost" and "may have" in said:
            total["unknown, and said so"] += 1
            total["untold"] += of_harness
        elif kind == "call_finished" and "was not run" in said:
            total["not run, and said so"] += 1
            total["doubled"] += any(counts)
        else:
            total["untold"] += 1
            print(f"session {session.id}, step {step}, lines {counts}: {kind} {said[:300]}")


def wait_for(sessions):
    until = time.monotonic() + REST_SECONDS
    while not all(session.ended() for session in sessions):
        if time.monotonic() > until:
            return
        threading.Event().wait(0.2)


def chaos(options, playground, rng):
    scenario = options.scenario.read_text()
    running, ended, kills = [], [], 0
    total = collections.Counter()

    def settle(session):
        look(session, options.of == "harness", total)
        playground.end_sandbox(session.id, signal.SIGTERM)
        ended.append(session)

    while kills < options.kills:
        for session in [s for s in running if s.ended()]:
            running.remove(session)
            settle(session)
        while len(running) < options.together:
            running.append(Session(playground, scenario))
        threading.Event().wait(rng.uniform(0.02, options.longest))
        if options.of == "harness":
            playground.kill_harness()
        elif not playground.end_sandbox(rng.choice(running).id or "none", signal.SIGKILL):
            continue
        kills += 1
        if kills % 20 == 0:
            print(f"{kills} kills, {len(ended)} sessions ended, {total['calls']} calls", flush=True)
    wait_for(running)
    for session in running:
        session.process.kill()
        settle(session)
    return kills, len(ended), total


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--of", choices=["harness", "sandbox"], default="harness")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--together", type=int, default=3, help="sessions at a time")
    parser.add_argument("--longest", type=float, default=2.0, help="seconds between two kills")
    parser.add_argument("--scenario", type=pathlib.Path,
                        default=EXAMPLES / "scenarios" / "countable.yaml")
    options = parser.parse_args()

    print(f"{options.kills} times kill -9 of the {options.of}, seed {options.seed}", flush=True)
    began = time.monotonic()
    playground = Playground()
    try:
        kills, sessions, total = chaos(options, playground, random.Random(options.seed))
    finally:
        playground.end()
    wrong = ("lost", "doubled", "orphaned", "stuck", "untold")
    print(f"{kills} kills of the {options.of} in {time.monotonic() - began:.0f} s, "
          f"{sessions} sessions, {total['calls']} calls: {total['finished']} finished, "
          f"{total['unknown, and said so']} unknown and {total['not run, and said so']} not run, "
          "as the model was told")
    print(", ".join(f"{total[name]} {name}" for name in wrong))
    if any(total[name] for name in wrong):
        print(f"What is left of it: {playground.directory}")
        return 1
    shutil.rmtree(playground.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
