"""The example as a process of its own: handshake, mutual TLS, and the ends."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from carillon import _wire, testing
from carillon._serve import make_certificate

EXAMPLE = Path(__file__).parents[1] / "examples" / "noticeboard.py"
PATIENCE = 20


class Plugin:
    """The example, started as the engine does it, and a client of it."""

    def __init__(self, folder: str, *through: str) -> None:
        self.private, self.certificate, _ = make_certificate()
        self.process = subprocess.Popen(
            [*through, sys.executable, str(EXAMPLE)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"CARILLON_PLUGIN": "channel.v1", "PLUGIN_CLIENT_CERT": self.certificate.decode(),
                 "PLUGIN_UNIX_SOCKET_DIR": folder, "PYTHONPATH": str(EXAMPLE.parents[1])},
        )  # fmt: skip
        assert self.process.stdout
        self.line = self.process.stdout.readline().strip().split("|")

    def connect(self, private: bytes = b"", certificate: bytes = b"") -> grpc.Channel:
        der = self.line[5] + "=" * (-len(self.line[5]) % 4)
        root = x509.load_der_x509_certificate(base64.b64decode(der)).public_bytes(serialization.Encoding.PEM)
        credentials = grpc.ssl_channel_credentials(root, private or self.private, certificate or self.certificate)
        name = [("grpc.ssl_target_name_override", "localhost")]
        return grpc.secure_channel("unix:" + self.line[3], credentials, name)

    def __enter__(self) -> "Plugin":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


class Serving(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_from_handshake_to_shutdown(self) -> None:
        board = f"{self.folder}/board"
        with Plugin(self.folder) as plugin, plugin.connect() as channel:
            self.assertEqual(plugin.line[:3] + plugin.line[4:5], ["1", "1", "unix", "grpc"])
            self.assertEqual(channel.unary_unary("/grpc.health.v1.Health/Check")(b"\n\x06plugin", timeout=PATIENCE), b"\x08\x01")
            with self.assertRaises(grpc.RpcError):
                channel.unary_unary("/grpc.health.v1.Health/Check")(b"\n\x01x", timeout=PATIENCE)
            settings = json.dumps({"file": board}).encode()
            configure = channel.unary_unary(
                "/channel.v1.Channel/Configure", _wire.ConfigureRequest.SerializeToString, _wire.ConfigureResponse.FromString)
            self.assertEqual(list(configure(_wire.ConfigureRequest(account="a", settings=settings)).faults), [])
            deliver = channel.stream_stream(
                "/channel.v1.Channel/Deliver", _wire.DeliverRequest.SerializeToString, _wire.DeliverResponse.FromString)
            request: Any = _wire.DeliverRequest(account="a", attempts=[testing.attempt(0)])
            results = [r for answer in deliver(iter([request]), timeout=PATIENCE) for r in answer.results]
            self.assertEqual([(r.token, r.verdict) for r in results], [(1, 2)])
            self.assertEqual(channel.unary_unary("/plugin.GRPCController/Shutdown")(b"", timeout=PATIENCE), b"")
            self.assertEqual(plugin.process.wait(PATIENCE), 0)
        self.assertEqual(Path(board).read_text(), "recipient-0\t'Your order'\t'It has left our house.'\n")

    def test_a_stranger_is_not_served(self) -> None:
        private, certificate, _ = make_certificate()
        with Plugin(self.folder) as plugin, plugin.connect(private, certificate) as channel:
            with self.assertRaises(grpc.RpcError) as raised:
                channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PATIENCE)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_leaves_on_sigterm(self) -> None:
        with Plugin(self.folder) as plugin:
            plugin.process.terminate()
            self.assertEqual(plugin.process.wait(PATIENCE), 0)

    def test_leaves_with_its_parent(self) -> None:
        script = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, file=sys.stderr, flush=True); p.wait()"
        with Plugin(self.folder, sys.executable, "-c", script) as plugin:
            assert plugin.process.stderr
            child = int(plugin.process.stderr.readline())
            self.assertEqual(plugin.line[4], "grpc")
            plugin.process.kill()
            until = time.monotonic() + PATIENCE
            while alive(child) and time.monotonic() < until:
                time.sleep(0.02)
            self.assertFalse(alive(child))

    def test_by_hand_it_says_what_it_is(self) -> None:
        for env, want in [
            ({}, "This is a plugin: the Carillon engine starts it."),
            ({"CARILLON_PLUGIN": "channel.v1"}, "PLUGIN_CLIENT_CERT is not set"),
        ]:
            env["PYTHONPATH"] = str(EXAMPLE.parents[1])
            done = subprocess.run([sys.executable, str(EXAMPLE)], env=env, capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(want, done.stderr)


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.parent.parent.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


