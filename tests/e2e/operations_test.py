#!/usr/bin/python3
"""What an operator sees of a deployment: health that follows the database, figures that count, a doctor
who finds what is wrong, logs that programs read, and which calls there are."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import urllib.request

import grpc

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crash")]
from fault_parts import BIN, Site, diagnose, processes_in, soon  # noqa: E402

site = None


def setUpModule():
    global site
    site = Site()
    unittest.addModuleCleanup(site.end)
    site.serve(options=["--metrics", "0", "--log-format", "json"])
    site.token = site.found()
    site.figures_at = re.search(r"http://[\d.:]+/metrics", site.server.words()).group(0)


def figures():
    """Name with labels → value."""
    with urllib.request.urlopen(site.figures_at, timeout=20) as said:
        lines = said.read().decode().splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def verdicts():
    return {check: finding["verdict"] for check, finding in diagnose(site).items()}


class Operations(unittest.TestCase):
    def test_S44_health_says_when_the_database_hangs_and_when_it_is_back(self):
        self.assertEqual(site.health(), "SERVING")
        frozen = processes_in(site.postgres_data())
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            soon("health says so", lambda: site.health() == "NOT_SERVING")
            self.assertEqual(figures()["outboard_serving"], 0)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        soon("health is well again", lambda: site.health() == "SERVING")

    def test_S44_a_newer_schema_is_not_served(self):
        site.sql("INSERT INTO outboard.migrations VALUES (9999, '9999_later', '')")
        try:
            soon("health says so", lambda: site.health() == "NOT_SERVING")
            self.assertEqual(verdicts()["schema"], "wrong")
        finally:
            site.sql("DELETE FROM outboard.migrations WHERE number = 9999")
        soon("health is well again", lambda: site.health() == "SERVING")

    def test_figures_count_what_happens(self):
        before = figures()
        client = site.client(site.token)
        volume = client.open_volume("acme/memory")
        for line in range(5):
            client.append(volume, "counted", str(line))
        with self.assertRaises(grpc.RpcError):
            client.open_volume("acme/none")
        after = figures()

        def more(name):
            return after.get(name, 0) - before.get(name, 0)

        self.assertEqual(more('outboard_batches_total{answer="ok"}'), 5)
        self.assertEqual(more("outboard_commit_seconds_count"), 5)
        method = "/outboard.v1.StoreService/OpenVolume"
        self.assertEqual(more(f'outboard_rpc_answered_total{{method="{method}",code="NOT_FOUND"}}'), 1)
        self.assertEqual(more(f'outboard_rpc_answered_total{{method="{method}",code="OK"}}'), 1)
        self.assertEqual(after["outboard_postgres_up"], 1)
        self.assertGreater(after["outboard_tokens_cached"], 0)
        everything = " ".join(after)
        for secret in ("acme", "counted", "ada"):
            self.assertNotIn(secret, everything)

    def test_doctor_finds_a_fresh_deployment_well(self):
        self.assertNotIn("wrong", verdicts().values())
        done = subprocess.run([os.path.join(BIN, "outboard"), "--server", site.address, "--token-file",
                               site.site_token, "doctor"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for check in ("fsync", "synchronous_commit", "full_page_writes", "clock", "disk", "feed"):
            self.assertRegex(done.stdout, rf"(✓|ok|!) +{check}")

    def test_doctor_looks_at_a_mount(self):
        mount = site.add_mount("m", "ada", ["memory"])

        def doctor():
            done = subprocess.run(
                [os.path.join(BIN, "outboard"), "--server", site.address, "--token-file",
                 site.site_token, "doctor", "--json", "--control", mount.control],
                capture_output=True, text=True, check=False)
            return {one["check"]: one for one in json.loads(done.stdout)["findings"]}

        try:
            found = doctor()
            self.assertEqual(found["mount"]["verdict"], "fine")
            self.assertEqual(found["view"]["verdict"], "fine")
            self.assertIn(mount.at("memory"), found["view"]["found"])
        finally:
            mount.program.end()
        self.assertEqual(doctor()["mount"]["verdict"], "wrong")

    def test_S58_a_mount_says_what_it_was_asked_and_asks_no_more_once_it_is_warm(self):
        writer = site.add_mount("w", "ada", ["memory"])
        os.makedirs(writer.at("memory/warm"), exist_ok=True)
        with open(writer.at("memory/warm/note.md"), "w", encoding="utf-8") as file:
            file.write("some words\n")
        writer.program.end()
        mount = site.add_mount("r", "ada", ["memory"], mode="ro")

        def tell(*words):
            done = subprocess.run([os.path.join(BIN, "outboard"), "mount", *words, "--control",
                                   mount.control, "--json"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return json.loads(done.stdout)

        def requests():
            asked = tell("status")["views"][0]["requests"]
            return {name: count for name, count in asked.items() if "FORGET" not in name}

        try:
            self.assertGreaterEqual(tell("warm")["files"], 1)
            before = requests()
            self.assertIn("READDIRPLUS", before)
            for folder, _, names in os.walk(mount.at("memory")):
                for name in names:
                    file = os.open(os.path.join(folder, name), os.O_RDONLY)  # open() asks isatty, an ioctl
                    os.read(file, 1 << 20)
                    os.close(file)
            self.assertEqual(requests(), before)
            self.assertEqual(tell("warm", mount.at("memory/warm"))["files"], 1)
            lost = subprocess.run([os.path.join(BIN, "outboard"), "mount", "warm", mount.at("memory/none"),
                                   "--control", mount.control], capture_output=True, text=True, check=False)
            self.assertEqual(lost.returncode, 1)
            self.assertIn("memory/none", lost.stderr)
        finally:
            mount.program.end()

    def test_doctor_says_that_a_server_is_away(self):
        done = subprocess.run([os.path.join(BIN, "outboard"), "--server", f"unix:{site.root}/nobody",
                               "--token-file", site.site_token, "--timeout", "1s", "doctor"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("server", done.stdout)

    def test_logs_are_json(self):
        lines = [json.loads(line) for line in site.server.words().splitlines()]
        self.assertIn("ready", [line["event"] for line in lines])
        for line in lines:
            self.assertEqual(line["program"], "outboard-server")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))

    def test_reflection_names_the_services(self):
        with grpc.insecure_channel(site.address) as channel:
            ask = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                        request_serializer=lambda raw: raw,
                                        response_deserializer=lambda raw: raw)
            listed = next(ask(iter([b"\x3a\x00"]), timeout=20))  # list_services: ""
        for service in (b"outboard.v1.StoreService", b"outboard.v1.WatchService",
                        b"grpc.health.v1.Health"):
            self.assertIn(service, listed)


if __name__ == "__main__":
    unittest.main()
