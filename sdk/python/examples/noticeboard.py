#!/opt/noticeboard/venv/bin/python
"""A Carillon channel that appends each message to a file."""

import os
from dataclasses import dataclass

from carillon import (
    Account, AccountConfig, Attempt, Batch, Channel, Class, Description, Faults, Verdict,
    delivered, each, failed, rejected, serve, unknown,
)  # fmt: skip


@dataclass
class Settings:
    file: str


class Noticeboard(Channel):
    def describe(self) -> Description:
        return Description(
            name="noticeboard", version="1.0.0", content=["title", "body"],
            address_kind="recipient",  # the recipient's id: every send has one
            settings_schema={"type": "object", "properties": {"file": {"type": "string"}},
                             "required": ["file"], "additionalProperties": False},
        )  # fmt: skip

    def open(self, config: AccountConfig) -> Account:
        settings, faults = config.decode(Settings), Faults()
        faults.add(os.path.isabs(settings.file), "file", "must be an absolute path")
        faults.check()
        try:
            return Board(os.open(settings.file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as e:
            faults.add(False, "file", str(e))
            raise faults from e


class Board(Account):
    def __init__(self, file: int) -> None:
        self.file = file

    def deliver(self, batch: Batch) -> None:
        each(batch, 4, self.post)

    def post(self, attempt: Attempt) -> Verdict:
        content = attempt.content
        if not content.title and not content.body:
            return rejected(Class.MESSAGE, "no_text")  # it can never be sent like this
        line = f"{attempt.recipient}\t{content.title!r}\t{content.body!r}\n".encode()
        try:
            written = os.write(self.file, line)
        except OSError:
            return failed("write")  # surely nothing was written: it may be tried again
        # Part of it may be there.
        return delivered(attempt.key) if written == len(line) else unknown("write")

    def close(self) -> None:
        os.close(self.file)


if __name__ == "__main__":
    serve(Noticeboard())
