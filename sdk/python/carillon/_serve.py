"""A channel as a process of its own: handshake, mutual TLS, and the end."""

import asyncio
import base64
import datetime
import os
import signal
import sys
import threading
import time
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import _wire
from ._channel import Channel
from ._server import Server

# How many seconds the batches that run may take at a stop, and closing the accounts
# after that. The engine waits for 3, then sends SIGTERM, and SIGKILL a second later.
DRAIN, CLOSE = 2.0, 0.5


def serve(channel: Channel) -> None:
    """Runs the channel as a plugin until the engine ends it, and exits the process
    then. Started by hand, it says that it is a plugin and exits 1.

    The process leaves by itself when its parent dies: an orphan would go on sending
    what a new owner sends as well."""
    cookie, value = _wire.COOKIE
    if os.environ.get(cookie) != value:
        sys.exit("This is a plugin: the Carillon engine starts it. Name it in the configuration at channels.X.plugin.path.")
    if not os.environ.get("PLUGIN_CLIENT_CERT"):
        sys.exit("PLUGIN_CLIENT_CERT is not set: this plugin speaks to nobody without mutual TLS.")
    # gRPC's core would log each connection that ends, in lines that say nothing to an operator.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    threading.Thread(target=_leave_with_parent, args=[os.getppid()], daemon=True).start()
    asyncio.run(_serve(channel))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a thread that still waits for a provider must not keep the process


async def _serve(channel: Channel) -> None:
    server, stop = Server(channel), asyncio.Event()
    rpc = grpc.aio.server(options=_wire.OPTIONS)
    rpc.add_generic_rpc_handlers([server.handler(), *_go_plugin(server, stop)])
    certificate, credentials = _mutual_tls(os.environ["PLUGIN_CLIENT_CERT"])
    socket = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR", ""), f"plugin-{os.getpid()}")
    rpc.add_secure_port("unix:" + socket, credentials)
    await rpc.start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the engine gets it too, and stops this in order
    print(f"1|{_wire.VERSION}|unix|{socket}|grpc|{certificate}", flush=True)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what the channel prints is logged
    await stop.wait()
    await server.drain(DRAIN)
    await rpc.stop(0.1)  # for the answer to Shutdown
    try:
        await asyncio.wait_for(server.close(), CLOSE)
    except TimeoutError:
        print(f"an account was not closed within {CLOSE} s", file=sys.stderr)


def _go_plugin(server: Server, stop: asyncio.Event) -> list[grpc.GenericRpcHandler]:
    """The services that hashicorp/go-plugin asks of every plugin: its health, and to
    leave. Their messages are so small that they are written here byte by byte."""
    serving, plugin = b"\x08\x01", b"\n\x06plugin"

    async def check(request: bytes, context: Any) -> bytes:
        if request not in (b"", plugin):
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return serving

    async def shutdown(_: bytes, __: Any) -> bytes:
        # The connection ends with the answer, and with it all streams.
        await server.drain(DRAIN)
        stop.set()
        return b""

    unary, service = grpc.unary_unary_rpc_method_handler, grpc.method_handlers_generic_handler
    return [
        service("grpc.health.v1.Health", {"Check": unary(check)}),
        service("plugin.GRPCController", {"Shutdown": unary(shutdown)}),
    ]


def _mutual_tls(client: str) -> tuple[str, grpc.ServerCredentials]:
    """Makes a certificate for this start alone, returned as DER in base64, and
    credentials that trust the client's alone."""
    private, certificate, der = make_certificate()
    credentials = grpc.ssl_server_credentials(
        [(private, certificate)], root_certificates=client.encode(), require_client_auth=True
    )
    return base64.b64encode(der).rstrip(b"=").decode(), credentials


def make_certificate() -> tuple[bytes, bytes, bytes]:
    """Returns a new key and its certificate, both in PEM, and the certificate in DER.
    ECDSA on P-256 is what all gRPC stacks know."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=10_000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return private, made.public_bytes(pem), made.public_bytes(serialization.Encoding.DER)


def _leave_with_parent(parent: int) -> None:
    """Polls, since a death signal (which the engine sets as well) exists on Linux
    alone."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)
