#!/usr/bin/python3
"""A hostile client against a real server: names, paths, sizes, tokens and streams that break every rule,
in messages that no program of ours would send. Nothing of it is stored, nothing crashes, nobody sees
another's bytes, and every refusal is one of the documented codes."""

import os
import pathlib
import sys
import threading
import time
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from deployment import SOURCE, Deployment  # noqa: E402

GIBIBYTE = 1 << 30
AT_ONCE = 10  # seconds; a busy machine takes its time to say no
site = None


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.start_server()
    sys.path.insert(0, os.path.join(SOURCE, "examples/client_python"))
    os.environ["OUTBOARD_STUBS"] = os.path.join(site.root, "stubs")
    import outboard_client
    from outboard.v1 import admin_pb2, admin_pb2_grpc, watch_pb2, watch_pb2_grpc
    site.admin, site.admin_grpc = admin_pb2, admin_pb2_grpc
    site.watch, site.watch_grpc = watch_pb2, watch_pb2_grpc
    site.Client = outboard_client.Client
    for organisation in ("acme", "rival"):
        site.outboard("org", "create", organisation)
        site.outboard("user", "create", f"{organisation}/ada")
        site.outboard("volume", "create", f"{organisation}/memory", "--quota-bytes", "1MiB")
    site.token = minted("acme/ada", "--grant", "acme/memory:rw")
    site.rival = minted("rival/ada", "--grant", "rival/*:rw", "--admin")
    site.client = site.Client(site.address, site.token)
    site.volume = site.client.open_volume("acme/memory")


def minted(user, *options):
    file = os.path.join(site.root, "one.token")
    site.outboard("token", "mint", user, *options, "--to-file", file)
    secret = pathlib.Path(file).read_text(encoding="ascii").strip()
    os.remove(file)
    return secret


def name_at(name, parent=b"/"):
    return site.types.NameRef(parent=site.types.NodeRef(path=parent), name=name)


def publish(name, content, **more):
    types = site.types
    return types.Step(publish=types.Publish(at=name_at(name), body=types.Body(bytes=content), **more))


def apply(*steps, client=None, volume=None):
    client = client or site.client
    return client.call(client.store.Apply, site.store.ApplyRequest(
        volume=volume or site.volume.id, batch=site.types.Batch(steps=steps)))


def memory_of_the_server():
    for line in pathlib.Path(f"/proc/{site.server.process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


class BadInput(unittest.TestCase):
    def setUp(self):
        self.head = site.head("memory")

    def tearDown(self):
        self.assertIsNone(site.server.process.poll(), "the server died of it")

    def refused(self, codes, call, *args, **more):
        with self.assertRaises(grpc.RpcError) as why:
            answer = call(*args, **more)
            if hasattr(answer, "__next__"):
                list(answer)
        self.assertIn(why.exception.code().name, codes.split(), why.exception.details())
        return why.exception.details()

    def nothing_changed(self):
        self.assertEqual(site.head("memory"), self.head)

    def test_names_that_are_none_are_refused_by_every_op(self):
        types = site.types
        good = name_at(b"good")
        for bad in (b"", b".", b"..", b"a/b", b"/", b"a\0b", b"\0", b".history", b"n" * 256):
            at = name_at(bad)
            for step in (types.Step(create_file=types.CreateFile(at=at)),
                         types.Step(make_directory=types.MakeDirectory(at=at)),
                         types.Step(make_symlink=types.MakeSymlink(at=at, target=b"x")),
                         types.Step(make_link=types.MakeLink(node=types.NodeRef(inode=1), at=at)),
                         types.Step(rename=types.Rename(**{"from": at, "to": good})),
                         types.Step(rename=types.Rename(**{"from": good, "to": at})),
                         types.Step(unlink=types.Unlink(at=at)),
                         publish(bad, b"x")):
                with self.subTest(name=bad, op=step.WhichOneof("op")):
                    self.refused("INVALID_ARGUMENT NOT_FOUND", apply, step)
        self.nothing_changed()

    def test_names_that_are_no_text_come_back_as_they_went(self):
        name = b"\xff\xfe\x80 \xc3( no text"
        apply(publish(name, b"bytes"))
        self.addCleanup(apply, site.types.Step(unlink=site.types.Unlink(at=name_at(name))))
        listed = site.client.call(site.client.store.List, site.store.ListRequest(
            volume=site.volume.id, directory=site.types.NodeRef(path=b"/")))
        self.assertIn(name, [entry.dentry.name for entry in listed.entries])

    def test_paths_of_five_thousand_bytes_are_refused(self):
        long = b"/" + b"/".join([b"d" * 99] * 50)
        self.assertGreater(len(long), 4998)
        node = site.types.NodeRef(path=long)
        self.refused("INVALID_ARGUMENT", site.client.call, site.client.store.GetAttributes,
                     site.store.GetAttributesRequest(volume=site.volume.id, node=node))
        types = site.types
        for step in (types.Step(publish=types.Publish(at=name_at(b"x", long), parents=True)),
                     types.Step(append=types.Append(node=node)),
                     types.Step(make_symlink=types.MakeSymlink(at=name_at(b"s"), target=b"t" * 5000))):
            self.refused("INVALID_ARGUMENT RESOURCE_EXHAUSTED OUT_OF_RANGE", apply, step)
        self.nothing_changed()

    def test_sizes_beyond_every_limit_are_refused(self):
        types = site.types
        apply(publish(b"small", b"x"))
        self.head = site.head("memory")
        node = types.NodeRef(path=b"/small")
        for size in (4 * GIBIBYTE + 1, 1 << 62, (1 << 64) - 1):
            self.refused("INVALID_ARGUMENT RESOURCE_EXHAUSTED OUT_OF_RANGE", apply,
                         types.Step(truncate=types.Truncate(node=node, size=size)))
            extent = types.Extent(offset=size, body=types.Body(bytes=b"x"))
            self.refused("INVALID_ARGUMENT RESOURCE_EXHAUSTED OUT_OF_RANGE", apply,
                         types.Step(write=types.Write(node=node, extents=[extent])))
        self.refused("RESOURCE_EXHAUSTED", apply, publish(b"large", b"x" * (6 << 20)))
        self.refused("INVALID_ARGUMENT RESOURCE_EXHAUSTED OUT_OF_RANGE", apply,
                     *[publish(b"n%d" % i, b"") for i in range(4097)])
        self.nothing_changed()

    def stream(self, *messages):
        return site.client.store.ApplyStream(iter(messages), metadata=site.client.metadata, timeout=60)

    def header(self, size, steps=1):
        return site.store.ApplyStreamRequest(header=site.store.ApplyHeader(
            volume=site.volume.id, steps=steps, bytes=size))

    def test_two_gibibytes_are_refused_when_they_are_announced(self):
        start = time.monotonic()
        details = self.refused("INVALID_ARGUMENT RESOURCE_EXHAUSTED OUT_OF_RANGE", self.stream,
                               self.header(2 * GIBIBYTE))
        self.assertLess(time.monotonic() - start, AT_ONCE)
        self.assertIn("2147483648", details)
        self.nothing_changed()

    def test_two_gibibytes_that_nobody_announced_take_no_memory(self):
        """A header that says little, then parts without end: cut at the first byte too many."""
        before = memory_of_the_server()
        sent = []

        def messages():
            yield self.header(10)
            types = site.types
            step = types.Step(publish=types.Publish(at=name_at(b"x"), body=types.Body(announced=10)))
            yield site.store.ApplyStreamRequest(steps=site.store.ApplySteps(steps=[step]))
            for _ in range(2048):
                sent.append(1)
                yield site.store.ApplyStreamRequest(part=b"x" * (1 << 20))

        with self.assertRaises(grpc.RpcError):
            site.client.store.ApplyStream(messages(), metadata=site.client.metadata, timeout=60)
        self.assertLess(len(sent), 512, "the server read on and on")
        self.assertLess(memory_of_the_server() - before, 96 << 20)
        self.nothing_changed()

    def test_a_stream_that_stops_in_the_middle_writes_nothing(self):
        types = site.types
        step = types.Step(publish=types.Publish(at=name_at(b"half"), body=types.Body(announced=1 << 20)))
        steps = site.store.ApplyStreamRequest(steps=site.store.ApplySteps(steps=[step]))
        half = site.store.ApplyStreamRequest(part=b"x" * (1 << 19))
        self.refused("INVALID_ARGUMENT", self.stream, self.header(1 << 20), steps, half)
        self.refused("INVALID_ARGUMENT", self.stream, self.header(1 << 20, steps=2), steps, half, half)
        self.refused("INVALID_ARGUMENT", self.stream, half)
        cut = threading.Event()

        def slow():
            yield self.header(1 << 20)
            yield steps
            yield half
            cut.wait(AT_ONCE)

        call = site.client.store.ApplyStream.future(slow(), metadata=site.client.metadata, timeout=60)
        call.cancel()
        cut.set()
        self.nothing_changed()

    def test_a_quota_that_is_hit_in_the_middle_of_a_batch_refuses_all_of_it(self):
        used = int(site.sql("SELECT used_bytes FROM outboard.volumes WHERE id = %d" % site.volume.id))
        steps = [publish(b"part%d" % i, bytes([i]) * (300 << 10)) for i in range(5)]
        self.refused("RESOURCE_EXHAUSTED", apply, *steps)
        self.nothing_changed()
        self.assertEqual(used, int(site.sql(
            "SELECT used_bytes FROM outboard.volumes WHERE id = %d" % site.volume.id)))
        apply(*steps[:3])  # what fits, fits
        apply(*[site.types.Step(unlink=site.types.Unlink(at=name_at(b"part%d" % i))) for i in range(3)])

    def test_forged_tokens_open_nothing(self):
        flipped = site.token[:-1] + ("A" if site.token[-1] != "A" else "B")
        for token in ("", "x", flipped, site.token[:-1], site.token + "A", "ob_" + "A" * 43,
                      "' OR true --", "x" * 8000):
            client = site.Client(site.address, token)
            for ask in (lambda: client.open_volume("acme/memory"),
                        lambda: apply(publish(b"x", b"x"), client=client)):
                with self.subTest(token=token[:20]):
                    self.refused("UNAUTHENTICATED", ask)
        self.nothing_changed()

    def test_a_foreign_token_finds_nothing_by_name_or_number(self):
        """No tenant sees another's bytes, nor that they are there."""
        apply(publish(b"secret", b"of acme's"))
        self.head = site.head("memory")
        node = site.client.call(site.client.store.GetAttributes, site.store.GetAttributesRequest(
            volume=site.volume.id, node=site.types.NodeRef(path=b"/secret"))).node
        rival, store, volume = site.Client(site.address, site.rival), site.store, site.volume.id
        root = site.types.NodeRef(path=b"/")
        asks = [(rival.store.OpenVolume, store.OpenVolumeRequest(name="acme/memory")),
                (rival.store.OpenVolume, store.OpenVolumeRequest(id=volume)),
                (rival.store.Lookup, store.LookupRequest(volume=volume, name=name_at(b"secret"))),
                (rival.store.GetAttributes, store.GetAttributesRequest(volume=volume, node=root)),
                (rival.store.List, store.ListRequest(volume=volume, directory=root)),
                (rival.store.Read, store.ReadRequest(volume=volume, inode=node.inode,
                                                     version=node.version, size=100)),
                (rival.store.History, store.HistoryRequest(volume=volume)),
                (rival.store.Snapshot, store.SnapshotRequest(volume=volume)),
                (rival.store.Versions, store.VersionsRequest(
                    volume=volume, node=site.types.NodeRef(inode=node.inode)))]
        for method, request in asks:
            with self.subTest(request=type(request).__name__):
                self.refused("NOT_FOUND", rival.call, method, request)
        self.refused("NOT_FOUND", apply, publish(b"x", b"x"), client=rival)
        with self.assertRaises((grpc.RpcError, ConnectionError)):
            next(rival.changes(site.volume, 0))
        own = rival.open_volume("rival/memory")
        self.refused("NOT_FOUND INVALID_ARGUMENT", rival.call, rival.store.Read, store.ReadRequest(
            volume=own.id, inode=node.inode + 1000, version=node.version, size=100))
        self.nothing_changed()

    def test_a_token_cannot_be_widened(self):
        admin = site.admin_grpc.AdminServiceStub(site.client.channel)

        def mint(client, organisation, volume):
            stub = site.admin_grpc.AdminServiceStub(client.channel)
            return client.call(stub.MintToken, site.admin.MintTokenRequest(
                organisation=organisation, principal="ada",
                grants=[site.admin.GrantByName(volume=volume, prefix="/", write=True)]))

        reader = site.Client(site.address, minted("acme/ada", "--grant", "acme/memory:ro"))
        rival = site.Client(site.address, site.rival)
        self.refused("PERMISSION_DENIED NOT_FOUND", mint, reader, "acme", "acme/memory")
        self.refused("PERMISSION_DENIED NOT_FOUND", mint, rival, "acme", "acme/memory")
        self.refused("PERMISSION_DENIED NOT_FOUND INVALID_ARGUMENT", mint, rival, "rival", "acme/memory")
        self.refused("PERMISSION_DENIED NOT_FOUND", rival.call, admin.CreateOrganisation,
                     site.admin.CreateOrganisationRequest(name="third"))
        self.refused("PERMISSION_DENIED FAILED_PRECONDITION", apply, publish(b"x", b"x"), client=reader)
        self.nothing_changed()

    def test_what_a_person_is_told_of_a_deployment_depends_on_who_asks(self):
        def checks(token):
            client = site.Client(site.address, token)
            stub = site.admin_grpc.AdminServiceStub(client.channel)
            said = client.call(stub.Diagnose, site.admin.DiagnoseRequest())
            return {finding.check for finding in said.findings}

        self.assertEqual(checks(site.token), {"token"})
        self.assertEqual(checks(site.rival), {"token"})
        whole = checks(pathlib.Path(site.site_token).read_text("ascii").strip())
        self.assertLessEqual({"fsync", "disk", "schema", "connections", "feed"}, whole)


if __name__ == "__main__":
    unittest.main()
