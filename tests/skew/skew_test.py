#!/usr/bin/python3
"""Clients of former releases against this server: what they said then, byte for byte, is said again, and must be
answered as it was, in words that they can read. Only inodes, which are the server's to choose, are today's. [S50]

Beside it, what a client that is newer than this server may say: unknown fields, values and steps."""

import os
import queue
import sys
import unittest

import grpc

sys.path.insert(0, os.path.join(os.environ["OUTBOARD_SOURCE"], "tests/e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import SOURCE, Deployment  # noqa: E402
from traffic import DEADLINE, MINT, Call, Numbers, Release, channel_to, lacks  # noqa: E402

RECORDED = os.path.join(SOURCE, "tests/skew/recorded")
WORK = "/outboard.v1.JournalService/Work"
# Refused then because it was not built; may work today.
MAY_WORK_TODAY = "UNIMPLEMENTED"


def said_by(call, queued):
    """The client's words, each when it is its turn."""
    while (raw := queued.get()) is not None:
        yield raw


class Replay:
    def __init__(self, deployment, release):
        self.channel, self.release, self.numbers = channel_to(deployment.address), release, Numbers()
        self.hearts = []  # of workers: what they hold lasts while these streams do
        with open(deployment.site_token, encoding="ascii") as file:
            self.secrets = {"site": file.read().strip(), "none": ""}

    def metadata(self, call):
        words = [("outboard-client", call.client)] if call.client else []
        if secret := self.secrets[call.role]:
            words.append(("authorization", "Bearer " + secret))
        return words

    def say(self, call):
        """Nothing when the answers hold what they held then; else what is missing."""
        queued = queue.Queue()
        answers = self.channel.stream_stream(call.method)(
            said_by(call, queued), metadata=self.metadata(call), timeout=DEADLINE)
        complaint, status = None, "OK"
        last_said = max((i for i, word in enumerate(call.words) if word[0] == ">"), default=-1)
        try:
            for index, (way, raw) in enumerate(call.words):
                if way == ">":
                    queued.put(self.release.request(call.method, raw, self.numbers))
                    if index == last_said and call.status != "CANCELLED":
                        queued.put(None)  # it had said all
                    continue
                complaint = self.hear(call, answers, raw)
                if complaint:
                    break
            if not call.words:
                queued.put(None)
            if call.status not in ("OK", "CANCELLED") and not complaint:
                for _ in answers:
                    pass
        except grpc.RpcError as refused:
            status = refused.code().name
        except StopIteration:
            complaint = "the answers ended early"
        finally:
            if call.method == WORK:
                self.hearts.append((queued, answers))
            else:
                queued.put(None)
                answers.cancel()
        if call.status not in (status, "CANCELLED", MAY_WORK_TODAY) and not complaint:
            complaint = f"status {status}, then {call.status}"
        return complaint

    def end(self):
        for queued, answers in self.hearts:
            queued.put(None)
            answers.cancel()

    def hear(self, call, answers, recorded):
        """Streams may send more than they did; what they sent then must come."""
        old, missing = self.release.answer(call.method, recorded), None
        streaming = call.status == "CANCELLED"
        while True:
            raw = next(answers)
            new = self.release.answer(call.method, raw)
            if call.method == MINT:
                self.secrets[f"minted {len(self.secrets) - 1}"] = new.secret
            numbers = Numbers(self.numbers)
            missing = lacks(old, new, numbers)
            if missing is None:
                self.numbers = numbers
            if missing is None or not streaming:
                return missing and f"{missing} of {old} is not in {new}"


class Skew(unittest.TestCase):
    def replay(self, version):
        folder = os.path.join(RECORDED, version)
        release = Release(folder)
        with open(os.path.join(folder, "traffic.jsonl"), encoding="ascii") as file:
            calls = [Call.parse(line) for line in file]
        missing = set(release.methods) - {call.method for call in calls}
        self.assertEqual(missing, set(), "calls that were not recorded")
        deployment = Deployment()
        try:
            deployment.start_server()
            replay = Replay(deployment, release)
            for number, call in enumerate(calls):
                complaint = replay.say(call)
                self.assertIsNone(complaint, f"{version}, call {number}, {call.method}: {complaint}")
            replay.end()
        finally:
            deployment.end()

    def test_S50_clients_of_recorded_releases_are_served_as_they_were(self):
        versions = sorted(os.listdir(RECORDED))
        self.assertTrue(versions)
        for version in versions[-2:]:
            with self.subTest(version):
                self.replay(version)


class Newer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.deployment.start_server()
        cls.deployment.outboard("org", "create", "acme")
        cls.deployment.outboard("volume", "create", "acme/memory")
        with open(cls.deployment.site_token, encoding="ascii") as file:
            cls.metadata = [("authorization", "Bearer " + file.read().strip())]
        cls.channel = channel_to(cls.deployment.address)

    @classmethod
    def tearDownClass(cls):
        cls.deployment.end()

    def ask(self, method, raw):
        """The status, and the answer's bytes."""
        try:
            return "OK", self.channel.unary_unary("/outboard.v1.StoreService/" + method)(
                raw, metadata=self.metadata, timeout=DEADLINE)
        except grpc.RpcError as refused:
            return refused.code().name, refused.details()

    def apply(self, step):
        batch = self.deployment.types.Batch(steps=[step])
        return self.ask("Apply", self.deployment.store.ApplyRequest(volume=1, batch=batch)
                        .SerializeToString())

    def test_S50_a_field_that_the_server_does_not_know_is_ignored(self):
        raw = self.deployment.store.OpenVolumeRequest(name="acme/memory").SerializeToString()
        status, answer = self.ask("OpenVolume", raw + b"\xba\x3e\x03new")  # field 999
        self.assertEqual(status, "OK")
        self.assertEqual(self.deployment.store.OpenVolumeResponse.FromString(answer).volume.name,
                         "acme/memory")

    def test_S50_a_step_that_the_server_does_not_know_is_refused_whole(self):
        types = self.deployment.types
        step = types.Step.FromString(b"\xba\x3e\x00")  # an op of number 999
        status, words = self.apply(step)
        self.assertIn(status, ("UNIMPLEMENTED", "INVALID_ARGUMENT"), words)

    def test_S50_a_value_that_the_server_does_not_know_is_refused(self):
        types = self.deployment.types
        name = types.NameRef(parent=types.NodeRef(path=b"/"), name=b"x")
        status, words = self.apply(types.Step(rename={"from": name, "to": name, "mode": 77}))
        self.assertEqual(status, "UNIMPLEMENTED", words)
        self.assertIn("does not know", words)

    def test_S50_a_call_that_the_server_does_not_know_is_refused(self):
        self.assertEqual(self.ask("Divine", b"")[0], "UNIMPLEMENTED")


if __name__ == "__main__":
    unittest.main()
