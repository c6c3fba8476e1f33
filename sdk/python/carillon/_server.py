"""The gRPC service of one channel."""

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from . import _wire
from ._batch import CALLS, answering, in_time
from ._channel import Account, Batch, Channel
from ._each import log_panic
from ._replies import Replies, result
from ._secret import Secret
from ._settings import AccountConfig, Fault, Faults
from ._verdict import failed


class Open:
    """An open account. It counts the batches that run, so that one that is replaced
    is closed only when its last batch has ended."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.running = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def __enter__(self) -> Account:
        self.running += 1
        self.idle.clear()
        return self.account

    def __exit__(self, *_: object) -> None:
        self.running -= 1
        if self.running == 0:
            self.idle.set()

    async def close(self, name: str) -> None:
        await self.idle.wait()
        try:
            await called(self.account.close)
        except Exception as e:
            print(f"close account {name}: {e}", file=sys.stderr, flush=True)


class Server:
    """Serves a channel. All of it runs on one event loop; the channel's plain
    functions are called in threads."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.about = channel.describe()
        self._accounts: dict[str, Open] = {}
        self._closing: set[asyncio.Task[None]] = set()  # accounts that were replaced
        self._batches: set[asyncio.Task[None]] = set()  # that run, of all streams
        self._streams: set[Replies] = set()
        self._stopping = False

    def handler(self) -> grpc.GenericRpcHandler:
        """Returns what a gRPC server is given."""
        w, unary = _wire, grpc.unary_unary_rpc_method_handler
        writes = w.DeliverResponse.SerializeToString
        return grpc.method_handlers_generic_handler(
            "channel.v1.Channel",
            {
                "Describe": unary(self.describe, w.DescribeRequest.FromString, w.DescribeResponse.SerializeToString),
                "Configure": unary(self.configure, w.ConfigureRequest.FromString, w.ConfigureResponse.SerializeToString),
                "Deliver": grpc.stream_stream_rpc_method_handler(self.deliver, w.DeliverRequest.FromString, writes),
            },
        )

    async def drain(self, within: float) -> None:
        """Takes nothing new, waits for the batches that run, for so many seconds at
        most, and until their results are written."""
        self._stopping = True
        for replies in self._streams:
            replies.stop()
        if self._batches:
            await asyncio.wait(self._batches, timeout=within)
        await asyncio.gather(*(r.close() for r in self._streams), return_exceptions=True)

    async def close(self) -> None:
        """Closes all accounts. Stop the gRPC server first; call it once."""
        closing = [opened.close(name) for name, opened in self._accounts.items()]
        await asyncio.gather(*closing, *self._closing)

    async def describe(self, _: Any, __: Any) -> Any:
        d = self.about
        return _wire.DescribeResponse(
            name=d.name, version=d.version, content=d.content, address_kind=d.address_kind, max_batch=d.max_batch,
            idempotent=d.idempotent, idempotency_seconds=int(d.lifetime), deadline_ms=round(d.deadline * 1000),
            settings_schema=d.schema(), secrets=d.secrets, limits=d.limits, urgent_stream=True,
            max_per_second=d.max_per_second, max_connections=d.max_connections,
        )  # fmt: skip

    async def configure(self, request: Any, context: Any) -> Any:
        name = request.account
        secrets = {p.key: Secret(p.value) for p in request.secrets}
        try:
            self._check_secrets(secrets)
            account = await called(self._channel.open, AccountConfig(name, request.settings, secrets))
            connections = account.connections()
        except Faults as e:
            return _wire.ConfigureResponse(faults=[_wire.Fault(path=f.path, message=f.problem) for f in e.faults])
        except Exception as e:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"open account {name}: {e}")
        former, self._accounts[name] = self._accounts.get(name), Open(account)
        if former:
            task = asyncio.create_task(former.close(name))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return _wire.ConfigureResponse(connections=connections)

    def _check_secrets(self, secrets: dict[str, Secret]) -> None:
        """Refuses a secret that the channel does not describe: a misspelt name would
        leave the right one unset, and open could complain of nothing but that."""
        known = "known are " + ", ".join(self.about.secrets) if self.about.secrets else "the channel has none"
        unknown = sorted(secrets.keys() - set(self.about.secrets))
        Faults(*(Fault(f"secrets.{name}", f"unknown secret; {known}") for name in unknown)).check()

    async def deliver(self, _: Any, context: Any) -> None:
        """Is one stream: it reads batches, and each runs by itself."""
        request = await context.read()
        if request is grpc.aio.EOF:
            return
        name = request.account
        if name not in self._accounts:
            await context.abort(grpc.StatusCode.NOT_FOUND, f'account "{name}" is not configured')
        # Those of an urgent stream are the credits of the stream beside it.
        credits = 0 if request.urgent else self.about.max_open
        replies = Replies(context.write, credits, self.about.max_open)
        running: dict[asyncio.Task[None], Batch] = {}
        threads = ThreadPoolExecutor(CALLS, "deliver")
        self._streams.add(replies)
        try:
            while request is not grpc.aio.EOF:
                self._begin(name, request.attempts, replies, running, threads)
                request = await context.read()
            if running:
                await asyncio.wait(running)
            await replies.close()
        finally:  # with the stream broken, nobody waits for what still runs
            self._streams.discard(replies)
            replies.cancel()
            for task, batch in running.items():
                batch.end()
                task.cancel()
            threads.shutdown(wait=False)

    def _begin(self, name: str, attempts: Any, replies: Replies, running: Any, threads: ThreadPoolExecutor) -> None:
        if not attempts:
            return
        replies.expect(len(attempts))
        if self._stopping:
            for a in attempts:
                replies.add(result(a.token, failed("stopping")))
            return
        batch, unanswered = answering(in_time(attempts, replies), replies)
        task = asyncio.create_task(self._run(name, batch, unanswered, threads))
        running[task] = batch
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)
        task.add_done_callback(lambda t: running.pop(t, None))

    async def _run(self, name: str, batch: Batch, unanswered: Callable[[str], None], threads: ThreadPoolExecutor) -> None:
        """Runs one batch. Whatever the channel does, every attempt gets exactly one
        result. The account is looked up anew, so that a stream goes on with the new
        settings after a Configure."""
        code = "unanswered"
        try:
            if batch.attempts:
                with self._accounts[name] as account:
                    await called(account.deliver, batch, threads=threads)
        except Exception as e:
            code = "panic"
            log_panic(e)
        finally:
            unanswered(code)


async def called(f: Callable[..., Any], *args: Any, threads: ThreadPoolExecutor | None = None) -> Any:
    """Calls a function of the channel: a plain one in a thread, which is waited for
    even when the task is cancelled, for it can't be stopped."""
    if inspect.iscoroutinefunction(f):
        return await f(*args)
    call = asyncio.get_running_loop().run_in_executor(threads, f, *args)
    try:
        value = await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        call.exception()  # asked for, or asyncio would log what nobody is interested in now
        raise
    return await value if isinstance(value, Awaitable) else value
