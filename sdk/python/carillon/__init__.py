"""What the author of a channel plugin imports.

A plugin is a program of its own that the Carillon engine starts and talks to
over gRPC. Its author implements Channel and Account and calls serve:

    if __name__ == "__main__":
        serve(MyChannel())

The engine decides who is sent what and when, keeps the limits, retries and
remembers. The plugin makes one attempt per call and says honestly how it went.
It must not retry by itself: attempts could then no longer be counted.
"""

from ._attempt import Action, Address, Attempt, Content, Media
from ._channel import Account, Batch, Channel, Description
from ._each import each, each_async, time_left
from ._http import MAX_RETRY_AFTER, http_verdict, retry_after
from ._secret import Secret
from ._serve import serve
from ._settings import AccountConfig, Fault, Faults
from ._verdict import Class, Verdict, accepted, delivered, failed, rejected, throttled, unknown

__all__ = [
    "MAX_RETRY_AFTER",
    "Account",
    "AccountConfig",
    "Action",
    "Address",
    "Attempt",
    "Batch",
    "Channel",
    "Class",
    "Content",
    "Description",
    "Fault",
    "Faults",
    "Media",
    "Secret",
    "Verdict",
    "accepted",
    "delivered",
    "each",
    "each_async",
    "failed",
    "http_verdict",
    "rejected",
    "retry_after",
    "serve",
    "throttled",
    "time_left",
    "unknown",
]
