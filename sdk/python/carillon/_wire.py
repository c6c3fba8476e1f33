"""What the engine and a plugin must agree on below the protocol itself. A
plugin's author never needs it."""

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

VERSION = 1
"""The number of the plugin protocol, channel.v1."""

COOKIE = ("CARILLON_PLUGIN", "channel.v1")
"""Keeps somebody who starts a plugin by hand from waiting for nothing. It is no
authentication: mutual TLS is."""

MAX_MESSAGE = 32 << 20
"""Bounds one gRPC message each way, in bytes."""

OPTIONS = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]


def _messages() -> dict[str, Any]:
    # A pool of its own, so that a program which has generated code for the same
    # files, perhaps of another version, can use the SDK as well.
    pool = descriptor_pool.DescriptorPool()
    data = resources.files(__package__).joinpath("channel.binpb").read_bytes()
    names = []
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
        names += [f"{file.package}.{m.name}" for m in file.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}


_all = _messages()

Attempt = _all["channel.v1.Attempt"]
DescribeRequest = _all["channel.v1.DescribeRequest"]
DescribeResponse = _all["channel.v1.DescribeResponse"]
ConfigureRequest = _all["channel.v1.ConfigureRequest"]
ConfigureResponse = _all["channel.v1.ConfigureResponse"]
DeliverRequest = _all["channel.v1.DeliverRequest"]
DeliverResponse = _all["channel.v1.DeliverResponse"]
Fault = _all["channel.v1.Fault"]
Pair = _all["carillon.v1.Pair"]
Result = _all["channel.v1.Result"]
