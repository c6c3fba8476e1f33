"""What every channel over HTTP needs."""

import email.utils
from datetime import UTC, datetime

from ._verdict import Class, Verdict, accepted, failed, rejected, throttled, unknown

MAX_RETRY_AFTER = 24 * 3600.0
"""Bounds what retry_after returns, in seconds: beyond a day a provider's wish is
more likely a broken clock."""


def retry_after(value: str | None, now: datetime | None = None) -> float:
    """Reads the Retry-After header (RFC 9110 section 10.2.3), which is whole
    seconds or a date. It returns seconds: 0 for no value, one that is neither, or a
    date that is over at now; and at most MAX_RETRY_AFTER."""
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    # A date has a comma, or is asctime's; the parser alone would take much more.
    if not value or not value[0].isalpha():
        return 0.0
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)  # asctime names none, and means GMT
    wait = (at - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait, 0.0), MAX_RETRY_AFTER)


def http_verdict(status: int, after: float = 0.0) -> Verdict:
    """Judges the status of an HTTP answer (RFC 9110 section 15, RFC 6585) where the
    API says nothing more exact in its body. after is what retry_after returned. The
    verdict's code is the status.

    2xx is accepted, without a provider id. 408, 425 and 429 are throttled, and so
    are 502, 503 and 504 that say when to come back; other 5xx have failed. 401, 403
    and 407 are about the credential, 404 and 410 about the recipient, other 4xx and
    every redirect about the message. Anything else is unknown."""
    code = str(status)
    if status in (408, 425, 429) or (502 <= status <= 504 and after > 0):
        return throttled(after, "", code)
    if status in (401, 403, 407):
        return rejected(Class.CREDENTIAL, code)
    if status in (404, 410):
        return rejected(Class.RECIPIENT, code)
    match status // 100:
        case 2:
            return accepted()
        case 3:
            return rejected(Class.MESSAGE, "redirect")
        case 4:
            return rejected(Class.MESSAGE, code)
        case 5:
            return failed(code)
    return unknown(code)
