"""Bounded concurrency inside a batch."""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from ._attempt import Attempt
from ._channel import Batch
from ._verdict import Verdict, failed, unknown

# Threads that help a batch, of all batches together. They are made as they are
# needed, and the thread of a batch gets on without any.
_helpers = ThreadPoolExecutor(256, "each")


def each(batch: Batch, workers: int, deliver: Callable[[Attempt], Verdict]) -> None:
    """Answers every attempt of the batch with what deliver returns, running at most
    workers calls at once, each in a thread. An attempt whose own deadline has passed
    before its call began is failed with the code "deadline"; one whose call raises
    is unknown with the code "panic".

    A call is not interrupted: give time_left(attempt) to the provider's library as
    its timeout."""
    # One next of a count is one step of the interpreter: no two threads get the same.
    order, total = count(), len(batch.attempts)

    def work() -> None:
        while (i := next(order)) < total:
            batch.reply(i, _deliver_one(batch, batch.attempts[i], deliver))

    helping = [_helpers.submit(work) for _ in range(min(workers, total) - 1)]
    work()
    for h in helping:
        if not h.cancel():  # it has begun; what has not would find nothing to do
            h.result()


def _deliver_one(batch: Batch, attempt: Attempt, deliver: Callable[[Attempt], Verdict]) -> Verdict:
    if _too_late(batch, attempt):
        return failed("deadline")
    try:
        return deliver(attempt)
    except Exception as e:
        log_panic(e)
        return unknown("panic")


async def each_async(batch: Batch, workers: int, deliver: Callable[[Attempt], Awaitable[Verdict]]) -> None:
    """Is each for an `async def`: at most workers calls at once, all on the event
    loop. A call that has not returned by the attempt's deadline is cancelled, and
    the attempt is unknown with the code "deadline"."""
    order = iter(range(len(batch.attempts)))

    async def work() -> None:
        for i in order:
            batch.reply(i, await _deliver_one_async(batch, batch.attempts[i], deliver))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(max(workers, 1), len(batch.attempts))):
            group.create_task(work())


async def _deliver_one_async(batch: Batch, attempt: Attempt, deliver: Callable[[Attempt], Awaitable[Verdict]]) -> Verdict:
    if _too_late(batch, attempt):
        return failed("deadline")
    try:
        async with asyncio.timeout(time_left(attempt)) as limit:
            return await deliver(attempt)
    except Exception as e:
        if isinstance(e, TimeoutError) and limit.expired():
            return unknown("deadline")
        log_panic(e)
        return unknown("panic")


def _too_late(batch: Batch, attempt: Attempt) -> bool:
    return batch.ended or (attempt.deadline_ms != 0 and attempt.deadline_ms <= time.time() * 1000)


def time_left(attempt: Attempt) -> float | None:
    """Returns the seconds until the engine stops waiting for the attempt's verdict,
    at least 0, or None where it waits for ever: a timeout as most libraries take it."""
    if attempt.deadline_ms == 0:
        return None
    return max(attempt.deadline_ms / 1000 - time.time(), 0.0)


def log_panic(e: BaseException) -> None:
    """Writes what the channel raised to the standard error, as one line of the
    engine's log: it takes 50 a second."""
    frames = [f"{f.filename}:{f.lineno} in {f.name}" for f in reversed(traceback.extract_tb(e.__traceback__))]
    what = " ".join("".join(traceback.format_exception_only(e)).split())
    print(f"panic in deliver: {what} at {', '.join(frames)}", file=sys.stderr, flush=True)


