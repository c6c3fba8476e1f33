"""What the tests of a channel need: attempts, and their verdicts."""

import asyncio
import inspect
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import _wire
from ._attempt import Attempt
from ._channel import Account, Batch
from ._secret import Secret
from ._settings import AccountConfig
from ._verdict import Verdict, unknown


def attempt(i: int = 0, *, to: str = "", **changes: Any) -> Attempt:
    """Makes an attempt with something in every field that a channel is likely to use,
    and a deadline in a minute. i names it: its key, id, recipient and token. to is
    its address; the changes are fields of the protocol's message, such as
    content={"title": "", "body": "Hello"}."""
    fields = {
        "token": i + 1, "key": f"{i + 1:032x}", "id": f"send-{i}", "app": "shop", "recipient": f"recipient-{i}",
        "address": {"value": to or f"recipient-{i}"},
        "content": {"title": "Your order", "body": "It has left our house."},
        "data": b'{"order": 17}', "class": 1, "locale": "en", "attempt": 1,
        "deadline_ms": int(time.time() * 1000) + 60_000,
    }  # fmt: skip
    made: Attempt = _wire.Attempt(**(fields | changes))
    return made


def config(settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> AccountConfig:
    """Makes what Channel.open is given."""
    hidden = {name: Secret(value) for name, value in (secrets or {}).items()}
    return AccountConfig("test", json.dumps(settings or {}).encode(), hidden)


def deliver(account: Account, *attempts: Attempt) -> Sequence[Verdict]:
    """Has the account deliver one batch, and returns the verdicts in its order: what
    it leaves unanswered is unknown, with the code "unanswered"."""
    verdicts: dict[int, Verdict] = {}

    def reply(i: int, v: Verdict) -> None:
        verdicts.setdefault(i, v)

    batch = Batch(attempts, reply)
    waiting = account.deliver(batch)
    if inspect.isawaitable(waiting):

        async def wait() -> None:
            await waiting

        asyncio.run(wait())
    return [verdicts.get(i, unknown("unanswered")) for i in range(len(attempts))]
