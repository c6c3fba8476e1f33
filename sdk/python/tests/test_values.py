"""Settings, secrets, verdicts, HTTP answers, and what an attempt is said to hold."""

import copy
import json
import logging
import pickle
import typing
import unittest
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import carillon
from carillon import AccountConfig, Class, Faults, Secret, _wire, testing


@dataclass
class TLS:
    mode: str = "strict"


@dataclass
class Settings:
    file: str
    volume: int = 5
    rate: float = 1.0
    loud: bool = False
    timeout: timedelta = timedelta(seconds=30)
    rooms: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    tls: TLS = field(default_factory=TLS)
    proxy: str | None = None


class Decoding(unittest.TestCase):
    def test_reads_every_type_and_keeps_defaults(self) -> None:
        got = testing.config({
            "file": "/b", "rate": 2, "timeout": "1m1.5s", "rooms": ["hall"], "names": {"a": 1},
            "tls": {"mode": "off"}, "proxy": None,
        }).decode(Settings)  # fmt: skip
        want = Settings("/b", rate=2, timeout=timedelta(seconds=61.5), rooms=["hall"], names={"a": 1}, tls=TLS("off"))
        self.assertEqual(got, want)

    def test_no_settings_at_all(self) -> None:
        self.assertEqual(AccountConfig("a", b"").decode(TLS), TLS())

    def test_all_faults_at_once_with_their_paths(self) -> None:
        cases: list[tuple[dict[str, Any], dict[str, str]]] = [
            ({"file": "/b", "volume": "loud"}, {"volume": "is a string, must be a whole number"}),
            ({"file": "/b", "volume": True}, {"volume": "is a boolean, must be a whole number"}),
            ({"file": "/b", "volume": 1.5}, {"volume": "is a number, must be a whole number"}),
            ({"file": None}, {"file": "is a null, must be a string"}),
            ({}, {"file": "is needed"}),
            ({"file": "/b", "rooms": ["a", 2]}, {"rooms[1]": "is a whole number, must be a string"}),
            ({"file": "/b", "names": {"a": "b"}}, {"names.a": "is a string, must be a whole number"}),
            ({"file": "/b", "tls": {"mod": 1, "mode": 2}}, {
                "tls.mod": "is no setting of this channel; known here: mode",
                "tls.mode": "is a whole number, must be a string",
            }),
            ({"file": "/b", "tls": []}, {"tls": "must be a JSON object"}),
            # A bare number has no unit, and a day's length is no duration here.
            ({"file": "/b", "timeout": 5}, {"timeout": 'must be a duration in quotes, such as "1.5s", "250ms" or "2m"'}),
            ({"file": "/b", "timeout": "1d"}, {"timeout": 'must be a duration in quotes, such as "1.5s", "250ms" or "2m"'}),
            ({"volume": "x", "proxy": 1}, {
                "file": "is needed", "proxy": "is a whole number, must be a string",
                "volume": "is a string, must be a whole number",
            }),
        ]  # fmt: skip
        for settings, want in cases:
            with self.subTest(settings), self.assertRaises(Faults) as raised:
                testing.config(settings).decode(Settings)
            self.assertEqual({f.path: f.problem for f in raised.exception.faults}, want)

    def test_what_is_no_object(self) -> None:
        for data in (b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000):
            with self.subTest(data), self.assertRaisesRegex(Faults, "^must be a JSON object$"):
                AccountConfig("a", data).decode(TLS)


class Secrets(unittest.TestCase):
    def test_never_shows_itself(self) -> None:
        secret = Secret("hunter2")
        config = testing.config({}, {"key": "hunter2"})
        for text in (str(secret), repr(secret), f"{secret}", f"{secret:>20}", "%s" % secret, f"{config}", str([secret])):
            self.assertNotIn("hunter2", text)
            self.assertIn("[redacted]", text)
        with self.assertLogs() as logs:
            logging.error("%s %r", secret, {"a": secret})
        self.assertNotIn("hunter2", logs.output[0])
        for write in (json.dumps, pickle.dumps):
            with self.assertRaises(TypeError):
                write(secret)
        self.assertEqual(copy.deepcopy(secret).reveal(), "hunter2")

    def test_one_that_is_not_set_is_empty(self) -> None:
        self.assertEqual(testing.config().secret("key").reveal(), "")
        self.assertFalse(testing.config().secret("key"))


class HTTP(unittest.TestCase):
    answers = json.loads((Path(__file__).parents[2] / "testdata" / "http.json").read_text())

    def test_retry_after(self) -> None:
        now = datetime.fromisoformat(self.answers["now"])
        for x in self.answers["retry_after"]:
            self.assertEqual(carillon.retry_after(x["value"], now), x["seconds"], x)
        self.assertEqual(carillon.retry_after(None), 0)

    def test_verdict(self) -> None:
        for x in self.answers["verdict"]:
            self.assertEqual(str(carillon.http_verdict(x["status"], x["after"])), x["verdict"], x)


class Verdicts(unittest.TestCase):
    def test_shown(self) -> None:
        for verdict, want in [
            (carillon.accepted("1"), "accepted"),
            (carillon.delivered(), "delivered"),
            (carillon.rejected(Class.POLICY, "x"), "rejected policy x"),
            (carillon.throttled(90, "app", "x"), "throttled 1m30s limit=app x"),
            (carillon.Verdict(), "unknown"),
        ]:
            self.assertEqual(str(verdict), want)


class Typing(unittest.TestCase):
    """The type hints say what the protocol's messages have."""

    def test_as_the_protocol(self) -> None:
        attempt = _wire.Attempt.DESCRIPTOR
        content = attempt.fields_by_name["content"].message_type
        for hinted, message in [
            (carillon.Attempt, attempt),
            (carillon.Address, attempt.fields_by_name["address"].message_type),
            (carillon.Content, content),
            (carillon.Media, content.fields_by_name["media"].message_type),
            (carillon.Action, content.fields_by_name["actions"].message_type),
        ]:
            names = {name for name, value in vars(hinted).items() if isinstance(value, property)}
            # `class` can be no attribute in Python.
            self.assertEqual(names, set(message.fields_by_name.keys()) - {"class"})
            empty = message._concrete_class()
            for name in names:
                hint = typing.get_type_hints(vars(hinted)[name].fget)["return"]
                if hint in (str, int, bytes):
                    self.assertIsInstance(getattr(empty, name), hint, name)
