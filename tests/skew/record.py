#!/usr/bin/python3
"""Records a release's wire traffic into tests/skew/recorded/VERSION: run it once, with the programs of that
release, when it is made:

    OUTBOARD_BIN=build/release/bin OUTBOARD_SOURCE=. tests/skew/record.py 0.2

The command `outboard` and a script that makes every call of the five services talk to a real server through
a proxy that writes down each byte."""

import os
import subprocess
import sys
import threading
from concurrent import futures

import grpc

sys.path.insert(0, os.path.join(os.environ["OUTBOARD_SOURCE"], "tests/e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import BIN, SOURCE, Deployment  # noqa: E402
from traffic import DEADLINE, MINT, Call, channel_to  # noqa: E402
from script import every_call  # noqa: E402


class Proxy(grpc.GenericRpcHandler):
    def __init__(self, upstream, site_token, mint_response):
        self.upstream, self.mint_response = upstream, mint_response
        self.roles, self.calls, self.lock = {site_token: "site", "": "none"}, [], threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(16), handlers=(self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self.forward(details.method, requests, context))

    def forward(self, method, requests, context):
        metadata = dict(context.invocation_metadata())
        token = metadata.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            call = Call(method, self.roles[token], metadata.get("outboard-client", ""),
                        status="CANCELLED")  # until it ends otherwise
            self.calls.append(call)
        passed = [(key, metadata[key]) for key in ("authorization", "outboard-client")
                  if key in metadata]

        def tee():
            for raw in requests:
                call.words.append((">", raw))
                yield raw

        answers = self.upstream.stream_stream(method)(tee(), metadata=passed, timeout=DEADLINE)
        context.add_callback(answers.cancel)
        try:
            for raw in answers:
                call.words.append(("<", raw))
                if method == MINT:
                    self.remember(raw)
                yield raw
            call.status = "OK"
        except grpc.RpcError as refused:
            call.status = refused.code().name
            if refused.code() != grpc.StatusCode.CANCELLED:
                context.set_trailing_metadata(refused.trailing_metadata() or ())
                context.abort(refused.code(), refused.details())

    def remember(self, raw):
        with self.lock:
            minted = sum(1 for role in self.roles.values() if role.startswith("minted")) + 1
            self.roles[self.mint_response.FromString(raw).secret] = f"minted {minted}"


def main(version):
    folder = os.path.join(SOURCE, "tests/skew/recorded", version)
    os.makedirs(folder, exist_ok=True)
    deployment = Deployment()
    try:
        deployment.start_server()
        from outboard.v1 import admin_pb2
        with open(deployment.site_token, encoding="ascii") as file:
            site_token = file.read().strip()
        proxy = Proxy(channel_to(deployment.address), site_token, admin_pb2.MintTokenResponse)
        address = f"127.0.0.1:{proxy.port}"
        every_call(channel_to(address), site_token)
        for words in (["skills", "push", os.path.join(SOURCE, "examples/skills")], ["skills", "list"],
                      ["memory", "ls"], ["memory", "cat", "/notes/today.md"], ["log"],
                      ["volume", "list", "acme"], ["token", "list", "acme"]):
            subprocess.run([os.path.join(BIN, "outboard"), "--server", address, "--org", "acme",
                            "--token-file", deployment.site_token, *words], check=True,
                           stdout=subprocess.DEVNULL)
        proxy.server.stop(1).wait()
    finally:
        deployment.end()
    with open(os.path.join(folder, "traffic.jsonl"), "w", encoding="ascii") as file:
        for call in proxy.calls:
            file.write(call.line() + "\n")
    protos = ["store", "watch", "admin", "journal", "blob"]
    subprocess.run(["protoc", "-I", os.path.join(SOURCE, "proto"), "--include_imports",
                    f"--descriptor_set_out={folder}/descriptors.bin",
                    *[f"outboard/v1/{name}.proto" for name in protos]], check=True)
    print(f"{len(proxy.calls)} calls of {len({call.method for call in proxy.calls})} methods in {folder}")


if __name__ == "__main__":
    main(sys.argv[1])
