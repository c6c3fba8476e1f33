"""What an attempt holds. The values are messages of the protocol; these say to
a type checker what proto/channel/v1/channel.proto says, and a test compares them.
"""

from collections.abc import Sequence
from typing import Protocol


class Address(Protocol):
    """Where the message goes, of the channel's Description.address_kind."""

    @property
    def value(self) -> str: ...
    @property
    def p256dh(self) -> str:
        """Web Push only."""
    @property
    def auth(self) -> str:
        """Web Push only."""


class Media(Protocol):
    """A picture, a file or the like, by its URL."""

    @property
    def kind(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def alt(self) -> str: ...


class Action(Protocol):
    """A button or the like."""

    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def payload(self) -> str: ...


class Content(Protocol):
    """What the message says. A text that it has not is ""."""

    @property
    def title(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def media(self) -> Sequence[Media]: ...
    @property
    def actions(self) -> Sequence[Action]: ...


class Attempt(Protocol):
    """One try at one send. It is read-only, and may be kept."""

    @property
    def token(self) -> int:
        """The SDK's own: it answers by it."""
    @property
    def key(self) -> str:
        """The same for every attempt at this send: what an idempotent provider is
        given. 32 hex digits."""
    @property
    def id(self) -> str: ...
    @property
    def app(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def address(self) -> Address: ...
    @property
    def content(self) -> Content: ...
    @property
    def data(self) -> bytes:
        """A JSON object, as the producer wrote it, or nothing."""
    # `class`, which is a word of the language: getattr(attempt, "class") is
    # 1 for transactional and 2 for marketing.
    @property
    def campaign(self) -> str: ...
    @property
    def collapse_key(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def attempt(self) -> int:
        """1 for the first."""
    @property
    def expires_ms(self) -> int:
        """When the message loses its worth, in Unix milliseconds; 0 is never."""
    @property
    def deadline_ms(self) -> int:
        """When the engine stops waiting for the verdict, in Unix milliseconds; 0 is
        never. See time_left."""
    @property
    def traceparent(self) -> str: ...
    @property
    def tracestate(self) -> str: ...
