"""Every call of the five services, as a client makes them: what record.py records."""

import uuid

import grpc

SPACE = uuid.UUID("6f7574626f617264000000000000aaaa")


def named(name):
    return uuid.uuid5(SPACE, name)


class Client:
    def __init__(self, channel, token, name):
        from outboard.v1 import (admin_pb2_grpc, blob_pb2_grpc, journal_pb2_grpc, store_pb2_grpc,
                                 watch_pb2_grpc)
        self.uuid = named(name)
        self.metadata = [("outboard-client", str(self.uuid))]
        if token:
            self.metadata.append(("authorization", "Bearer " + token))
        self.store = store_pb2_grpc.StoreServiceStub(channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.journal = journal_pb2_grpc.JournalServiceStub(channel)
        self.blob = blob_pb2_grpc.BlobServiceStub(channel)

    def ask(self, method, request):
        return method(request, metadata=self.metadata, timeout=30)

    def all(self, method, request):
        return list(self.ask(method, request))

    def refused(self, method, request):
        try:
            self.ask(method, request)
        except grpc.RpcError as error:
            return error.code()
        return None

    def talk(self, method, says, hears):
        """A stream of both ways: says all, hears so many, then goes."""
        answers = method(iter_then_wait(says), metadata=self.metadata, timeout=30)
        heard = [next(answers) for _ in range(hears)]
        answers.cancel()
        return heard


def iter_then_wait(says):
    """The stream stays open behind the last word: the listener ends it."""
    import threading
    yield from says
    threading.Event().wait(30)


def at(types, path):
    parent, _, name = path.rpartition("/")
    return types.NameRef(parent=types.NodeRef(path=(parent or "/").encode()), name=name.encode())


def administer(site):
    from outboard.v1 import admin_pb2 as admin
    ask = site.ask
    ask(site.admin.CreateOrganisation, admin.CreateOrganisationRequest(name="acme"))
    ask(site.admin.ListOrganisations, admin.ListOrganisationsRequest())
    ask(site.admin.CreateUser, admin.CreateUserRequest(organisation="acme", name="ada"))
    ask(site.admin.ListUsers, admin.ListUsersRequest(organisation="acme"))
    for name in ("acme/memory", "acme/skills"):
        ask(site.admin.CreateVolume, admin.CreateVolumeRequest(name=name))
    ask(site.admin.ChangeVolume, admin.ChangeVolumeRequest(
        name="acme/memory", settings=admin.VolumeSettings(quota_bytes=1 << 30, quota_nodes=1000)))
    ask(site.admin.ListVolumes, admin.ListVolumesRequest(organisation="acme"))
    site.refused(site.admin.CreateVolume, admin.CreateVolumeRequest(name="acme/memory"))
    ada = ask(site.admin.MintToken, admin.MintTokenRequest(
        organisation="acme", principal="ada",
        grants=[admin.GrantByName(volume="acme/memory", write=True)]))
    worker = ask(site.admin.MintToken, admin.MintTokenRequest(
        organisation="acme", principal="ada", admin=True))
    gone = ask(site.admin.MintToken, admin.MintTokenRequest(organisation="acme", principal="ada"))
    ask(site.admin.RevokeToken, admin.RevokeTokenRequest(id=gone.token.id))
    ask(site.admin.ListTokens, admin.ListTokensRequest(organisation="acme"))
    return ada.secret, worker.secret


def every_op(types):
    """A step of each kind."""
    step, path = types.Step, lambda text: types.NodeRef(path=text.encode())
    body = lambda text: types.Body(bytes=text.encode())  # noqa: E731
    return [
        step(make_directory=types.MakeDirectory(at=at(types, "/notes"), mode=0o755)),
        step(publish=types.Publish(at=at(types, "/notes/today.md"), body=body("hello\n"))),
        step(create_file=types.CreateFile(at=at(types, "/f"), mode=0o600, exclusive=True)),
        step(write=types.Write(node=path("/f"), extents=[types.Extent(offset=2, body=body("abc"))])),
        step(append=types.Append(node=path("/f"), body=body("def"))),
        step(truncate=types.Truncate(node=path("/f"), size=4)),
        step(make_node=types.MakeNode(at=at(types, "/pipe"), kind=types.KIND_FIFO, mode=0o644)),
        step(make_symlink=types.MakeSymlink(at=at(types, "/l"), target=b"f")),
        step(make_link=types.MakeLink(node=path("/f"), at=at(types, "/g"))),
        step(set_attributes=types.SetAttributes(node=path("/f"), mode=0o640)),
        step(set_xattr=types.SetXattr(node=path("/f"), name=b"user.a", value=b"1")),
        step(set_xattr=types.SetXattr(node=path("/f"), name=b"user.b", value=b"2")),
        step(remove_xattr=types.RemoveXattr(node=path("/f"), name=b"user.b")),
        step(rename={"from": at(types, "/g"), "to": at(types, "/h"),
                     "mode": types.RENAME_MODE_NO_REPLACE}),
        step(unlink=types.Unlink(at=at(types, "/l"))),
        step(make_directory=types.MakeDirectory(at=at(types, "/d/e"), mode=0o700, parents=True)),
        step(remove_directory=types.RemoveDirectory(at=at(types, "/d"), recursive=True)),
    ]


def write_and_read(ada):
    from outboard.v1 import store_pb2 as store, types_pb2 as types
    ask, stub = ada.ask, ada.store
    volume = ask(stub.OpenVolume, store.OpenVolumeRequest(name="acme/memory")).volume.id
    ask(stub.OpenVolume, store.OpenVolumeRequest(id=volume))
    ada.refused(stub.OpenVolume, store.OpenVolumeRequest(name="acme/skills"))
    request = lambda number: types.RequestId(client=ada.uuid.bytes, number=number)  # noqa: E731
    first = store.ApplyRequest(volume=volume, batch=types.Batch(request=request(1), steps=every_op(types)))
    inode = ask(stub.Apply, first).outcomes[1].node.inode
    ask(stub.Apply, first)  # repeated
    stale = types.Batch(request=request(2), acknowledged=1, steps=[types.Step(
        publish=types.Publish(at=at(types, "/f"), body=types.Body(bytes=b"x")),
        when=types.Precondition(absent=True))])
    ada.refused(stub.Apply, store.ApplyRequest(volume=volume, batch=stale))
    parts = [store.ApplyStreamRequest(header=store.ApplyHeader(volume=volume, request=request(3), steps=1,
                                                               bytes=7_000)),
             store.ApplyStreamRequest(steps=store.ApplySteps(steps=[types.Step(publish=types.Publish(
                 at=at(types, "/large"), body=types.Body(announced=7_000)))])),
             store.ApplyStreamRequest(part=b"l" * 4_000), store.ApplyStreamRequest(part=b"l" * 3_000)]
    stub.ApplyStream(iter(parts), metadata=ada.metadata, timeout=30)
    root = types.NodeRef(inode=1)
    ask(stub.Lookup, store.LookupRequest(volume=volume, name=at(types, "/notes/today.md")))
    ada.refused(stub.Lookup, store.LookupRequest(volume=volume, name=at(types, "/none")))
    ask(stub.GetAttributes, store.GetAttributesRequest(volume=volume, node=root,
                                                       at=store.ReadAt(at_least=3)))
    ask(stub.List, store.ListRequest(volume=volume, directory=root, limit=2))
    ask(stub.List, store.ListRequest(volume=volume, directory=root, after=b"h"))
    ask(stub.Read, store.ReadRequest(volume=volume, inode=inode, size=100))
    keys = [store.ContentKey(inode=inode), store.ContentKey(inode=1)]
    ada.all(stub.ReadMany, store.ReadManyRequest(volume=volume, keys=keys))
    ada.all(stub.Snapshot, store.SnapshotRequest(volume=volume, bodies_bytes_max=1000))
    file = ask(stub.Lookup, store.LookupRequest(volume=volume, name=at(types, "/f"))).entry.node.inode
    ask(stub.GetXattrs, store.GetXattrsRequest(volume=volume, inode=file))
    ask(stub.History, store.HistoryRequest(volume=volume, oldest_first=True, limit=10))
    ask(stub.History, store.HistoryRequest(volume=volume, node=types.NodeRef(path=b"/f")))
    ada.all(stub.Versions, store.VersionsRequest(volume=volume, node=types.NodeRef(path=b"/f")))
    ada.refused(stub.Lock, store.LockRequest(volume=volume, inode=file, owner=1,
                                             kind=store.LOCK_KIND_EXCLUSIVE))
    return volume


def watch(ada, volume):
    from outboard.v1 import watch_pb2 as words
    hello = words.WatchHello(mount="skew", client=ada.uuid.bytes, state=words.WATCHER_STATE_LIVE)
    ada.talk(ada.watch.Watch, [
        words.WatchRequest(hello=hello),
        words.WatchRequest(subscribe=words.WatchSubscribe(subscription=1, volume=volume)),
        words.WatchRequest(state=words.WatchState(state=words.WATCHER_STATE_FROZEN))], 2)
    ada.talk(ada.watch.Watch, [
        words.WatchRequest(hello=hello),
        words.WatchRequest(subscribe=words.WatchSubscribe(subscription=1, volume=volume, after=5)),
        words.WatchRequest(acknowledge=words.WatchAcknowledge(subscription=1, volume=volume, seq=5)),
        words.WatchRequest(subscribe=words.WatchSubscribe(subscription=2, volume=999_999))], 1)


def journal(worker):
    from outboard.v1 import blob_pb2 as blob, journal_pb2 as words
    ask, stub, session = worker.ask, worker.journal, named("session").bytes
    ask(stub.CreateSession, words.CreateSessionRequest(id=session, agent_revision="reviewer-1",
                                                       budget=words.Budget(tokens=1000)))
    ask(stub.Post, words.PostRequest(session=session, client_id=named("post").bytes, message="hello"))
    ask(stub.ReadInbox, words.ReadInboxRequest(session=session))
    # Its leases last while this stream does.
    heart = stub.Work(iter_then_wait([words.WorkRequest(worker="w1", capacity=1)]),
                      metadata=worker.metadata, timeout=30)
    next(heart)
    epoch = ask(stub.Claim, words.ClaimRequest(worker="w1", limit=1)).sessions[0].epoch
    event = words.Event(kind="message", payload_version=1, payload=b'{"text":"hello"}', actor="user:ada",
                        turn=1, inbox_client_id=named("post").bytes)
    call = words.ToolCall(op_id=named("op").bytes, turn=1, tool="bash", effect=words.EFFECT_CLASS_COMMAND,
                          state=words.TOOL_CALL_STATE_INTENDED)
    ask(stub.Append, words.AppendRequest(session=session, epoch=epoch, events=[event], calls=[call],
                                         spent=words.Budget(tokens=10), after_seq=0))
    worker.refused(stub.Append, words.AppendRequest(session=session, epoch=epoch + 1, events=[event]))
    ask(stub.GetSession, words.GetSessionRequest(id=session))
    worker.all(stub.Replay, words.ReplayRequest(session=session))
    tail = ask(stub.Tail, words.TailRequest(session=session))
    next(tail)
    tail.cancel()
    content = b"output of a command"
    header = blob.BlobHeader(size=len(content), media_type="text/plain", session=session)
    stored = worker.blob.PutBlob(iter([blob.PutBlobRequest(header=header),
                                       blob.PutBlobRequest(bytes=content)]),
                                 metadata=worker.metadata, timeout=30)
    worker.all(worker.blob.GetBlob, blob.GetBlobRequest(sha256=stored.sha256, offset=3))
    ask(worker.blob.HasBlobs, blob.HasBlobsRequest(sha256=[stored.sha256, bytes(32)]))
    ask(stub.Release, words.ReleaseRequest(session=session, epoch=epoch,
                                           state=words.SESSION_STATE_FINISHED))
    heart.cancel()
    ask(stub.ListSessions, words.ListSessionsRequest())


def every_call(channel, site_token):
    from outboard.v1 import store_pb2 as store
    stranger = Client(channel, "", "stranger")
    stranger.ask(stranger.store.Handshake, store.HandshakeRequest(
        protocol=1, client_version="0.1.0", capabilities=["apply-stream", "read-many", "snapshot", "watch"]))
    stranger.refused(stranger.store.OpenVolume, store.OpenVolumeRequest(name="acme/memory"))
    ada_token, worker_token = administer(Client(channel, site_token, "site"))
    ada = Client(channel, ada_token, "ada")
    watch(ada, write_and_read(ada))
    journal(Client(channel, worker_token, "worker"))
