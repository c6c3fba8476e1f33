"""Results on their way to the engine."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from . import _wire
from ._verdict import Verdict

# The least seconds between two messages while more results are to come. A channel
# that makes a request for each attempt has its results one by one, and a message
# for each costs plugin, engine and broker as much as the request.
PACE = 0.004
# Of so many results a message goes out at once, and of a quarter of all that may be
# open: credits that are held back are attempts that nobody makes.
MOST, PART = 64, 4


def result(token: int, v: Verdict) -> Any:
    """Writes a verdict into the protocol's form of it. What is none raises."""
    return _wire.Result(
        token=token, verdict=v.kind, provider_message_id=v.provider_id, code=v.code, limit=v.limit,
        retry_after_ms=round(v.after * 1000), **{"class": v.class_},
    )  # fmt: skip


class Replies:
    """Gathers results from any thread and writes them to the stream: those that come
    soon after each other together, but the last one that is open, and so one that is
    alone, at once. A result gives its credit back."""

    def __init__(self, write: Callable[[Any], Awaitable[None]], credits: int, most_open: int) -> None:
        """Grants credits at first; most_open is how many attempts there may be."""
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._wake, self._ready = asyncio.Event(), asyncio.Event()
        self._full = max(1, min(MOST, most_open // PART))
        self._lock = threading.Lock()  # of what follows
        self._results: list[Any] = []
        self._open = 0
        self._credits = credits
        self._closed = self._stopped = False
        self._wake.set()
        self._writing = self._loop.create_task(self._run())

    def expect(self, attempts: int) -> None:
        """Says that so many attempts have come, before their results are added."""
        with self._lock:
            self._open += attempts

    def add(self, result: Any) -> None:
        """Takes the result of one attempt, from any thread."""
        with self._lock:
            self._results.append(result)
            self._credits += not self._stopped
            self._open -= 1
            first = len(self._results) == 1
            now = len(self._results) == self._full or self._open == 0
        if first or now:
            self._signal(now)

    def _signal(self, now: bool) -> None:
        def wake() -> None:
            self._wake.set()
            if now:
                self._ready.set()

        if threading.get_ident() == self._thread:
            wake()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(wake)

    def stop(self) -> None:
        """Gives no credits back any more: what came for them would be refused."""
        with self._lock:
            self._stopped = True

    def cancel(self) -> None:
        """Writes no more: nobody reads it."""
        self._writing.cancel()

    async def close(self) -> None:
        """Writes what is left and waits for it. No add may follow."""
        with self._lock:
            self._closed = True
        self._signal(True)
        await self._writing

    async def _run(self) -> None:
        earliest = 0.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            wait = earliest - self._loop.time()
            if wait > 0 and not self._ready.is_set():
                timer = self._loop.call_later(wait, self._ready.set)
                await self._ready.wait()
                timer.cancel()
            self._ready.clear()
            with self._lock:
                results, self._results = self._results, []
                credits, self._credits = self._credits, 0
                closed = self._closed
            if credits or results:
                try:
                    await self._write(_wire.DeliverResponse(results=results, credits=credits))
                except Exception:
                    # A broken stream makes the engine count its attempts as unknown; there is
                    # nobody left to tell.
                    return
            earliest = self._loop.time() + PACE
            if closed:
                return
