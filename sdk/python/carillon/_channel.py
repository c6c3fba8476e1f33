"""What a plugin's author implements, and is given."""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._attempt import Attempt
from ._settings import AccountConfig
from ._verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Description:
    """Says what a channel is and can do. Times are in seconds."""

    name: str
    """The channel's kind: "email"."""
    version: str
    """The plugin's own, by semantic versioning."""
    address_kind: str
    """What it is addressed by: "email", "phone", "webhook", "recipient" (the
    recipient's id), "push.<platform>" or "chat.<name>"."""
    settings_schema: str | Mapping[str, Any]
    """A JSON Schema (draft 2020-12) of the settings."""
    content: Sequence[str] = ()
    """What it can show: "title", "body", "html", "media", "actions"."""
    max_batch: int = 128
    """Bounds one call of deliver."""
    max_open: int = 1024
    """Bounds the attempts that are open at once on one account."""
    idempotent: bool = False
    """The provider does nothing twice for the same Attempt.key within lifetime."""
    lifetime: float = 0
    """0 is for ever."""
    deadline: float = 30
    """How long one attempt may take until the engine counts it as unknown."""
    secrets: Sequence[str] = ()
    """The names of the secrets that an account may be given."""
    max_per_second: float = 0
    """How many attempts a second the provider takes of any account, of all nodes
    together: a configured rate can be lower, and not higher. 0 is no such limit."""
    max_connections: int = 0
    """How many connections the provider takes of any account, of all nodes together.
    0 is none that is known. See Account.connections."""
    limits: Sequence[str] = ()
    """What a throttled verdict may slow, besides the account."""

    def schema(self) -> str:
        """Returns settings_schema as JSON."""
        schema = self.settings_schema
        return schema if isinstance(schema, str) else json.dumps(schema)


class Batch:
    """What one call of deliver is given."""

    def __init__(self, attempts: Sequence[Attempt], reply: Callable[[int, Verdict], None]) -> None:
        """Makes a batch whose replies go to reply; carillon.testing makes some for tests."""
        self.attempts = attempts
        self._reply = reply
        self._ended = False

    def reply(self, i: int, verdict: Verdict) -> None:
        """Gives the verdict on attempts[i]. The first reply counts. It may be called
        from any thread."""
        self._reply(i, verdict)

    @property
    def ended(self) -> bool:
        """Whether the engine no longer waits for the batch: its stream is over."""
        return self._ended

    def end(self) -> None:
        """Says that nobody waits any more. The SDK calls it."""
        self._ended = True


class Account(ABC):
    """One open account of a channel: one API key, one relay."""

    @abstractmethod
    def deliver(self, batch: Batch) -> Awaitable[None] | None:
        """Makes one attempt for each entry of the batch and answers it with
        Batch.reply; most channels let each do it. It returns when all are answered;
        what it leaves unanswered counts as unknown.

        Each call of a plain function has a thread of its own, and several run at
        once. It may be an `async def` instead: those share one event loop."""

    def connections(self) -> int:
        """Returns how many connections to the provider the account opens at most in
        this process; 0 does not say. The engine refuses a configuration with which all
        nodes together could open more than the provider takes."""
        return 0

    def close(self) -> Awaitable[None] | None:
        """Ends the account. No deliver runs then, and none follows. It may be an
        `async def`."""
        return None


class Channel(ABC):
    """A kind of channel: email, a push service, an SMS provider."""

    @abstractmethod
    def describe(self) -> Description:
        """Says what the channel is and can do. It depends on no configuration."""

    @abstractmethod
    def open(self, config: AccountConfig) -> Account | Awaitable[Account]:
        """Opens an account with its settings. Faults in the settings are raised as
        Faults, so that all of them are shown at once. It should not wait for the
        provider: an unreachable one is found out, and tried again, by sending. It
        may be an `async def`, and is called in a thread of its own otherwise."""
