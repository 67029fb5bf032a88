"""Recorded wire traffic: calls as raw bytes, who made them, and what was answered.

A call is a line of JSON: its method, the role whose token it showed, its status, and what went over the
wire in order: [">", bytes] from the client, ["<", bytes] from the server. Tokens are not in it: a role is
"site", "none", or "minted N", the secret that the Nth answer of MintToken held."""

import base64
import json

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DEADLINE = 60
MINT = "/outboard.v1.AdminService/MintToken"


class Call:
    def __init__(self, method, role, client, words=None, status="OK"):
        self.method, self.role, self.client = method, role, client
        self.words, self.status = words if words is not None else [], status

    def line(self):
        words = [[way, base64.b64encode(raw).decode()] for way, raw in self.words]
        return json.dumps({"method": self.method, "role": self.role, "client": self.client,
                           "status": self.status, "words": words})

    @staticmethod
    def parse(line):
        said = json.loads(line)
        words = [(way, base64.b64decode(raw)) for way, raw in said["words"]]
        return Call(said["method"], said["role"], said["client"], words, said["status"])


class Release:
    """A release's own view of the wire: its descriptors, and how its messages are read."""

    def __init__(self, folder):
        files = descriptor_pb2.FileDescriptorSet()
        with open(f"{folder}/descriptors.bin", "rb") as raw:
            files.ParseFromString(raw.read())
        pool = descriptor_pool.DescriptorPool()
        self.methods = {}
        for file in files.file:
            pool.Add(file)
        for file in files.file:
            for service in file.service:
                for method in service.method:
                    name = f"/{file.package}.{service.name}/{method.name}"
                    self.methods[name] = (self.message(pool, method.input_type),
                                          self.message(pool, method.output_type))
        self.services = {name.split("/")[1] for name in self.methods}

    @staticmethod
    def message(pool, name):
        factory = message_factory.MessageFactory(pool)
        return factory.GetPrototype(pool.FindMessageTypeByName(name.lstrip(".")))

    def answer(self, method, raw):
        """Raises when the bytes are no such message."""
        return self.methods[method][1].FromString(raw)

    def request(self, method, raw, numbers):
        """The bytes as they were, but for inodes that are others today."""
        message = self.methods[method][0].FromString(raw)
        return message.SerializeToString() if numbers.rewrite(message) else raw


def volatile(name):
    """What no two runs share: times, secrets, the program's own version."""
    return name.endswith("_unix_ns") or name.endswith("_unix_ms") or name in (
        "secret", "server_version", "message")


NODE_NUMBERS = ("inode", "parent")


def is_node_number(field):
    return field.name in NODE_NUMBERS and field.type == field.TYPE_UINT64


class Numbers:
    """Inodes are the server's to choose: which one of today stands for one of then. One to one, so two nodes of
    then are never one today, nor one of then two."""

    def __init__(self, known=None):
        self.today = dict(known.today) if known else {}
        self.then = dict(known.then) if known else {}

    def agree(self, old, new):
        return self.today.setdefault(old, new) == new and self.then.setdefault(new, old) == old

    def rewrite(self, message):
        """Puts today's numbers into a message of then; whether any differed."""
        differed = False
        for field, value in message.ListFields():
            if is_node_number(field):
                today = self.today.get(value, value)
                differed |= today != value
                setattr(message, field.name, today)
            elif field.type == field.TYPE_MESSAGE:
                many = value if field.label == field.LABEL_REPEATED else [value]
                differed = any([self.rewrite(one) for one in many]) or differed
        return differed


def lacks(old, new, numbers, at=""):
    """What `old` says and `new` does not, as the path of the first such field; nothing: it says it all."""
    for field, value in old.ListFields():
        here = f"{at}.{field.name}"
        if volatile(field.name):
            continue
        other = getattr(new, field.name)
        if field.name == "capabilities":
            if not set(value) <= set(other):
                return here
        elif field.label == field.LABEL_REPEATED:
            if len(value) != len(other):
                return here
            for index, (one, two) in enumerate(zip(value, other)):
                place = f"{here}[{index}]"
                if field.type != field.TYPE_MESSAGE:
                    if one != two:
                        return place
                elif found := lacks(one, two, numbers, place):
                    return found
        elif field.type == field.TYPE_MESSAGE:
            if found := lacks(value, other, numbers, here):
                return found
        elif not numbers.agree(value, other) if is_node_number(field) else value != other:
            return here
    return None


def channel_to(address):
    return grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 1 << 26)])
