"""A client of Outboard on the stubs that `make_stubs` generates: no code of the project but its protos."""

import os
import queue
import sys
import uuid

import grpc

sys.path.insert(0, os.environ.get("OUTBOARD_STUBS", os.path.join(os.path.dirname(__file__), "stubs")))
from outboard.v1 import store_pb2, store_pb2_grpc, types_pb2, watch_pb2, watch_pb2_grpc  # noqa: E402


class Client:
    """One channel to a server; every call shows the token and names this process."""

    def __init__(self, server, token):
        self.client = uuid.uuid4()
        self.number = 0
        self.metadata = (("authorization", f"Bearer {token}"), ("outboard-client", str(self.client)))
        self.channel = grpc.insecure_channel(server)
        self.store = store_pb2_grpc.StoreServiceStub(self.channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(self.channel)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=10)

    def handshake(self):
        return self.call(self.store.Handshake, store_pb2.HandshakeRequest(protocol=1, client_version="example"))

    def open_volume(self, name):
        return self.call(self.store.OpenVolume, store_pb2.OpenVolumeRequest(name=name)).volume

    def append(self, volume, name, line):
        """Adds a line to a file at the volume's root, which is made if need be; whole, once, never in conflict."""
        self.number += 1
        at = types_pb2.NameRef(parent=types_pb2.NodeRef(path=b"/"), name=name.encode())
        batch = types_pb2.Batch(
            request=types_pb2.RequestId(client=self.client.bytes, number=self.number),
            acknowledged=self.number - 1,
            steps=[
                types_pb2.Step(create_file=types_pb2.CreateFile(at=at, mode=0o644)),
                types_pb2.Step(append=types_pb2.Append(
                    node=types_pb2.NodeRef(path=b"/" + name.encode()),
                    body=types_pb2.Body(bytes=line.encode() + b"\n"))),
            ])
        return self.call(self.store.Apply, store_pb2.ApplyRequest(volume=volume.id, batch=batch))

    def read(self, volume, name):
        path = types_pb2.NodeRef(path=b"/" + name.encode())
        node = self.call(self.store.GetAttributes,
                         store_pb2.GetAttributesRequest(volume=volume.id, node=path)).node
        content = b""
        while len(content) < node.attributes.size:
            part = self.call(self.store.Read, store_pb2.ReadRequest(
                volume=volume.id, inode=node.inode, version=node.version, offset=len(content), size=1 << 20))
            if not part.bytes:
                raise EOFError(f"{name} ended at byte {len(content)} of {node.attributes.size}")
            content += part.bytes
        return content.decode()

    def changes(self, volume, after):
        """Every change of the volume behind seq `after`, then each new one as it comes."""
        requests = queue.Queue()
        requests.put(watch_pb2.WatchRequest(hello=watch_pb2.WatchHello(client=self.client.bytes)))
        requests.put(watch_pb2.WatchRequest(subscribe=watch_pb2.WatchSubscribe(
            subscription=1, volume=volume.id, after=after)))
        stream = self.watch.Watch(iter(requests.get, None), metadata=self.metadata)
        try:
            for answer in stream:
                if answer.HasField("changes"):
                    yield from answer.changes.changes
                if answer.HasField("ended"):
                    raise ConnectionError(f"the watch ended: {answer.ended}")
        finally:
            requests.put(None)
            stream.cancel()


def main():
    client = Client(os.environ["OUTBOARD_SERVER"], os.environ["OUTBOARD_TOKEN"])
    print("server", client.handshake().server_version)
    volume = client.open_volume("acme/memory")
    print("opened", volume.name, "at seq", volume.head)
    applied = client.append(volume, "PYTHON.md", "A line from a stranger.")
    print("appended, seq", applied.last)
    print("read:", client.read(volume, "PYTHON.md").splitlines()[-1])
    for change in client.changes(volume, volume.head):
        print("change", change.seq, change.path.decode(), "by", change.origin.principal)
        if change.seq >= applied.last:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
