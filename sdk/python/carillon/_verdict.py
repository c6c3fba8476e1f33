"""How an attempt went."""

import enum
from dataclasses import dataclass


class Class(enum.IntEnum):
    """Says what a rejection is about."""

    RECIPIENT = 1
    """The address is dead. The engine suppresses it."""
    MESSAGE = 2
    """This message can't be sent to anybody."""
    CREDENTIAL = 3
    """The account can't send (key, quota, contract)."""
    POLICY = 4
    """This message may not be sent to this recipient now."""


# channel.v1.Verdict
_ACCEPTED, _DELIVERED, _REJECTED, _THROTTLED, _FAILED, _UNKNOWN = range(1, 7)
_WORDS = ("unknown", "accepted", "delivered", "rejected", "throttled", "failed", "unknown")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Says how an attempt went. Make one with accepted, delivered, rejected,
    throttled, failed or unknown."""

    kind: int = _UNKNOWN
    class_: int = 0
    provider_id: str = ""
    code: str = ""
    limit: str = ""
    after: float = 0.0

    def __str__(self) -> str:
        """Shows the verdict in logs and tests, as the Go SDK does: "rejected recipient 5.1.1"."""
        words = [_WORDS[self.kind]]
        if self.class_:
            words.append(Class(self.class_).name.lower())
        if self.after > 0:
            words.append(_duration(self.after))
        if self.limit:
            words.append("limit=" + self.limit)
        if self.code:
            words.append(self.code)
        return " ".join(words)


def accepted(provider_id: str = "") -> Verdict:
    """The provider took the message over under its own id."""
    return Verdict(_ACCEPTED, provider_id=provider_id)


def delivered(provider_id: str = "") -> Verdict:
    """The message has reached the recipient."""
    return Verdict(_DELIVERED, provider_id=provider_id)


def rejected(class_: Class, code: str) -> Verdict:
    """It can never be sent like this. code is the provider's, for programs: no
    address and no text of the message."""
    return Verdict(_REJECTED, class_=class_, code=code)


def throttled(after: float, limit: str, code: str) -> Verdict:
    """Not sent, for it was too fast or too much. after is for how many seconds the
    provider wants to be left alone (0: it did not say). limit names which of
    Description.limits it was; empty is the account."""
    return Verdict(_THROTTLED, after=after, limit=limit, code=code)


def failed(code: str) -> Verdict:
    """Surely not sent; another try may do."""
    return Verdict(_FAILED, code=code)


def unknown(code: str) -> Verdict:
    """It may have been sent. Everything that went wrong after the provider could
    have seen the whole message is unknown: a timeout, a reset, a body that can't
    be read."""
    return Verdict(_UNKNOWN, code=code)


def _duration(seconds: float) -> str:
    """Writes seconds as Go's time.Duration does: 1m30s, 500ms."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{rest:g}s"
    if hours or minutes:
        text = f"{minutes:g}m{text}"
    return f"{hours:g}h{text}" if hours else text
