"""From the attempts of one message to a batch that is answered whatever happens."""

import time
from collections.abc import Callable, Sequence

from ._attempt import Attempt
from ._channel import Batch
from ._each import log_panic
from ._replies import Replies, result
from ._verdict import Verdict, failed, unknown

CALLS = 64
"""How many plain calls of deliver run at once for one stream. More of them wait."""


def in_time(attempts: Sequence[Attempt], replies: Replies) -> list[Attempt]:
    """Answers the attempts that are already too late, and returns the others. The
    engine has counted the late ones as unknown, so a message that went out now could
    go out twice."""
    now = time.time() * 1000
    early = []
    for a in attempts:
        if a.deadline_ms and a.deadline_ms <= now:
            replies.add(result(a.token, failed("deadline")))
        else:
            early.append(a)
    return early


def answering(attempts: Sequence[Attempt], replies: Replies) -> tuple[Batch, Callable[[str], None]]:
    """Makes a batch whose first reply to each attempt goes out, and a function that
    answers what is unanswered as unknown with a code."""
    open_attempts = {i: a.token for i, a in enumerate(attempts)}

    def reply(i: int, v: Verdict) -> None:
        token = open_attempts.pop(i, None)  # one step: of two threads, one gets it
        if token is None:
            return
        try:
            answer = result(token, v)
        except Exception as e:  # no verdict, or one with a value that can't be written
            log_panic(e)
            answer = result(token, unknown("panic"))
        replies.add(answer)

    def unanswered(code: str) -> None:
        for i in list(open_attempts):
            reply(i, unknown(code))

    return Batch(attempts, reply), unanswered
