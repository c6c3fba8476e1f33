"""The test that every channel should have: of the example."""

import tempfile
import unittest

from carillon import Faults, testing
from examples.noticeboard import Noticeboard


class Example(unittest.TestCase):
    def test_verdicts(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            account = Noticeboard().open(testing.config({"file": f"{folder}/board"}))
            verdicts = testing.deliver(account, testing.attempt(0), testing.attempt(1, content={"html": "<p>"}))
            account.close()
        self.assertEqual([str(v) for v in verdicts], ["delivered", "rejected message no_text"])

    def test_refuses(self) -> None:
        for settings, path in [({"file": "board"}, "file"), ({}, "file"), ({"flie": "/board"}, "flie"), ({"file": "/"}, "file")]:
            with self.subTest(settings), self.assertRaises(Faults) as raised:
                Noticeboard().open(testing.config(settings))
            self.assertIn(path, [f.path for f in raised.exception.faults])
