#!/usr/bin/python3
"""`./dev demo --live` with a key: the demo's own live path, against a provider that is a program
here: Anthropic's Messages API over HTTPS, streamed, with a certificate made for the occasion.

It answers a first request with a bash call and the request that carries the call's result with
words, and keeps what it was sent.
"""

import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

DEMO = pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "playground" / "demo"
KEY = "sk-ant-live-test"
COMMAND = "grep -c '' /skills/release-notes/SKILL.md && echo 'heard live' >> /memory/MEMORY.md"
ANSWER = "Counted, and noted in memory."


def events(block, deltas, stop):
    """One answer with one content block, as the API streams it."""
    yield {"type": "message_start",
           "message": {"id": "msg_1", "role": "assistant", "content": [],
                       "usage": {"input_tokens": 9, "output_tokens": 1}}}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 12}}
    yield {"type": "message_stop"}


def a_call():
    text = json.dumps({"command": COMMAND})
    return events({"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {}},
                  [{"type": "input_json_delta", "partial_json": part}
                   for part in (text[:7], text[7:])], "tool_use")


def words():
    return events({"type": "text", "text": ""},
                  [{"type": "text_delta", "text": part} for part in (ANSWER[:8], ANSWER[8:])],
                  "end_turn")


class Provider(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.asked.append((self.path, self.headers, body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in a_call() if len(Provider.asked) == 1 else words():
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()

    def log_message(self, *_):
        pass


def check(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def serve(directory):
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, certificate


def demo(directory, certificate, port):
    environment = dict(os.environ, ANTHROPIC_API_KEY=KEY, OUTBOARD_MODEL="a-model", NO_COLOR="1",
                       OUTBOARD_ANTHROPIC_URL=f"https://localhost:{port}",
                       OUTBOARD_ANTHROPIC_CA=str(certificate), TMPDIR=str(directory))
    return subprocess.run([DEMO, "--live", "How long is it?"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200)


def look(ran, directory):
    check("the demo says so and ends well", ran.returncode == 0 and ANSWER in ran.stdout)
    check("it asked twice, at the API's own path",
          [path for path, _, _ in Provider.asked] == ["/v1/messages"] * 2)
    check("with the key and the model that it was given",
          all(headers["x-api-key"] == KEY and body["model"] == "a-model" and body["stream"]
              for _, headers, body in Provider.asked))
    result = Provider.asked[1][2]["messages"][-1]["content"][0]
    check("the second time with the command's true result",
          result["type"] == "tool_result" and result["tool_use_id"] == "toolu_1"
          and re.search(r"\b36\b", json.dumps(result["content"])))
    check("the key is not among its words", KEY not in ran.stdout)
    logs = "".join(path.read_text(errors="replace") for path in directory.glob("*/run/*.log"))
    check("nor in a log", logs and KEY not in logs)


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="outboard-live-"))
    directory.chmod(0o755)
    server, certificate = serve(directory)
    try:
        ran = demo(directory, certificate, server.server_port)
        try:
            look(ran, directory)
        except BaseException:
            print(ran.stdout, file=sys.stderr)
            raise
    finally:
        server.shutdown()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
