"""The protocol, over real gRPC."""

import asyncio
import contextlib
import gc
import io
import threading
import time
import unittest
from typing import Any

import grpc

from carillon import (
    AccountConfig, Attempt, Batch, Faults, Verdict, _wire, accepted, each, each_async, testing, throttled, unknown,
)  # fmt: skip

from .peer import Double, served, until

ACCEPTED, THROTTLED, FAILED, UNKNOWN = 1, 4, 5, 6


def good(n: int, start: int = 0) -> list[Attempt]:
    return [testing.attempt(i) for i in range(start, start + n)]


class Describing(unittest.IsolatedAsyncioTestCase):
    async def test_as_described(self) -> None:
        about: dict[str, Any] = {"idempotent": True, "lifetime": 86400, "deadline": 2.5, "secrets": ["key"], "max_per_second": 7.5,
                 "settings_schema": {"type": "object"}, "limits": ["sender"], "max_connections": 20}  # fmt: skip
        async with served(Double(**about)) as (peer, _):
            got = await peer.describe(_wire.DescribeRequest())
        self.assertEqual((got.name, got.max_batch, got.urgent_stream, got.idempotent), ("double", 128, True, True))
        self.assertEqual(got.max_connections, 20)
        self.assertEqual((got.idempotency_seconds, got.deadline_ms, got.max_per_second), (86400, 2500, 7.5))
        self.assertEqual((got.settings_schema, list(got.limits)), ('{"type": "object"}', ["sender"]))


class Configuring(unittest.IsolatedAsyncioTestCase):
    async def test_secrets_reach_the_channel(self) -> None:
        channel = Double(secrets=["key"])
        async with served(channel) as (peer, _):
            self.assertEqual(await peer.open("a", key="hunter2"), [])
            self.assertEqual(peer.connections, 7)
        self.assertEqual(channel.opened.secret("key").reveal(), "hunter2")
        self.assertEqual(channel.closed, 1)

    async def test_a_secret_that_is_not_described(self) -> None:
        for secrets, want in [(["key"], "known are key"), ([], "the channel has none")]:
            async with served(Double(secrets=secrets)) as (peer, _):
                (fault,) = await peer.open("a", kye="x")
            self.assertEqual((fault.path, fault.message), ("secrets.kye", "unknown secret; " + want))

    async def test_faults_and_other_errors(self) -> None:
        class Refusing(Double):
            def open(self, config: AccountConfig) -> Any:
                if config.name == "b":
                    raise OSError("no such thing")
                faults = Faults()
                faults.add(False, "x", "is wrong")
                faults.add(False, "y", "as well")
                faults.check()

        async with served(Refusing()) as (peer, _):
            self.assertEqual([(f.path, f.message) for f in await peer.open()], [("x", "is wrong"), ("y", "as well")])
            with self.assertRaises(grpc.aio.AioRpcError) as raised:
                await peer.open("b")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(raised.exception.details(), "open account b: no such thing")

    async def test_a_replaced_account_is_closed_after_its_last_batch(self) -> None:
        begun, go = threading.Event(), threading.Event()

        def slow(batch: Batch) -> None:
            begun.set()
            go.wait(20)
            each(batch, 1, lambda a: accepted())

        channel = Double(slow)
        async with served(channel) as (peer, _):
            await peer.open()
            stream = peer.deliver()
            await stream.send(*good(1))
            await asyncio.to_thread(begun.wait, 20)
            await peer.open()
            await stream.send(*good(1, 1))
            self.assertEqual(channel.closed, 0)
            go.set()
            await until(lambda: channel.closed == 1)
            await stream.finish()
            self.assertEqual(stream.verdicts, {1: (ACCEPTED, ""), 2: (ACCEPTED, "")})


class Delivering(unittest.IsolatedAsyncioTestCase):
    async def test_answers_each_once_and_gives_credits_back(self) -> None:
        async with served(Double(max_open=64)) as (peer, _):
            await peer.open()
            stream = peer.deliver()
            await stream.send()
            await stream.receive()
            self.assertEqual(stream.credits, 64)
            for size in (1, 64, 3):
                answers = await stream.answers(*good(size, size * 100))
                self.assertEqual(answers, [(ACCEPTED, "")] * size)
            await stream.finish()
            self.assertEqual(stream.credits, 64 + 1 + 64 + 3)

    async def test_an_urgent_stream_grants_nothing_at_first(self) -> None:
        async with served(Double()) as (peer, _):
            await peer.open()
            stream = peer.deliver(urgent=True)
            self.assertEqual(await stream.answers(*good(2)), [(ACCEPTED, "")] * 2)
            await stream.finish()
            self.assertEqual(stream.credits, 2)

    async def test_an_unknown_account(self) -> None:
        async with served(Double()) as (peer, _):
            stream = peer.deliver("nobody")
            await stream.send()
            with self.assertRaises(grpc.aio.AioRpcError) as raised:
                await stream.receive()
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    async def test_nothing_late_reaches_the_channel(self) -> None:
        seen: list[int] = []

        def note(a: Attempt) -> Verdict:
            seen.append(a.token)
            return accepted()

        async with served(Double(lambda b: each(b, 4, note))) as (peer, _):
            await peer.open()
            late = testing.attempt(0, deadline_ms=int(time.time() * 1000) - 1)
            answers = await peer.deliver().answers(late, testing.attempt(1), testing.attempt(2, deadline_ms=0))
        self.assertEqual((answers, sorted(seen)), ([(FAILED, "deadline"), (ACCEPTED, ""), (ACCEPTED, "")], [2, 3]))

    async def test_whatever_the_channel_does(self) -> None:
        def fails(*_: Any) -> Any:
            raise ValueError("no")

        async def later(batch: Batch) -> None:
            await each_async(batch, 2, throttle)

        async def throttle(a: Attempt) -> Verdict:
            await asyncio.sleep(0)
            return throttled(1.5, "", "slow")

        async def fails_later(batch: Batch) -> None:
            batch.reply(0, accepted())
            raise ValueError("no")

        async def hangs(a: Attempt) -> Verdict:
            await asyncio.sleep(60)
            return accepted()

        def twice(batch: Batch) -> None:
            for _ in range(2):
                each(batch, 1, lambda a: accepted())

        for name, deliver, want in [
            ("forgets", lambda b: None, [(UNKNOWN, "unanswered")] * 2),
            ("raises", fails, [(UNKNOWN, "panic")] * 2),
            ("raises in each", lambda b: each(b, 2, fails), [(UNKNOWN, "panic")] * 2),
            ("raises after a reply", fails_later, [(ACCEPTED, ""), (UNKNOWN, "panic")]),
            ("returns no verdict", lambda b: each(b, 2, lambda a: None), [(UNKNOWN, "panic")] * 2),  # type: ignore
            ("a code that is no text", lambda b: each(b, 2, lambda a: unknown("\ud800")), [(UNKNOWN, "panic")] * 2),
            ("answers twice", twice, [(ACCEPTED, "")] * 2),
            ("async", later, [(THROTTLED, "slow")] * 2),
            ("async in a plain function", lambda b: later(b), [(THROTTLED, "slow")] * 2),
            ("hangs, async", lambda b: each_async(b, 2, hangs), [(UNKNOWN, "deadline")] * 2),
        ]:
            with self.subTest(name), contextlib.redirect_stderr(io.StringIO()) as said:
                async with served(Double(deliver)) as (peer, _):
                    await peer.open()
                    soon = int(time.time() * 1000) + 1000
                    attempts = [testing.attempt(i, deadline_ms=soon if "hangs" in name else 0) for i in range(2)]
                    stream = peer.deliver()
                    self.assertEqual(await stream.answers(*attempts), want)
                    await stream.finish()
                    self.assertEqual(len(stream.verdicts), 2)
            for line in said.getvalue().splitlines():
                # asyncio says so of a machine that is slow, in tests alone.
                self.assertRegex(line, "^panic in deliver: .* at .*:[0-9]+ in |^Executing <")

    async def test_each_runs_so_many_at_once(self) -> None:
        all_there = threading.Barrier(4, timeout=20)
        most, now, lock = 0, 0, threading.Lock()

        def call(a: Attempt) -> Verdict:
            nonlocal most, now
            with lock:
                now += 1
                most = max(most, now)
            all_there.wait()  # so that no fewer than four would end
            with lock:
                now -= 1
            return accepted()

        async with served(Double(lambda b: each(b, 4, call))) as (peer, _):
            await peer.open()
            await peer.deliver().answers(*good(32))
        self.assertEqual(most, 4)

    async def test_results_that_come_one_by_one_go_together(self) -> None:
        def slow(a: Attempt) -> Verdict:
            time.sleep(0.0002)
            return accepted()

        async with served(Double(lambda b: each(b, 1, slow))) as (peer, _):
            await peer.open()
            stream = peer.deliver()
            await stream.answers(*good(128))
        self.assertLess(stream.messages, 40)

    async def test_a_broken_stream_ends_the_batch(self) -> None:
        begun, done = threading.Event(), threading.Event()

        def deliver(batch: Batch) -> None:
            begun.set()
            while not batch.ended:
                time.sleep(0.001)
            batch.reply(0, accepted())  # to nobody
            done.set()
            raise ValueError("nor does anybody hear this")

        async with served(Double(deliver)) as (peer, _):
            await peer.open()
            stream = peer.deliver()
            await stream.send(*good(1))
            await asyncio.to_thread(begun.wait, 20)
            stream.call.cancel()
            with self.assertNoLogs("asyncio", "ERROR"):
                await asyncio.to_thread(done.wait, 20)
                await asyncio.sleep(0.01)
                gc.collect()
            self.assertTrue(done.is_set())

    async def test_drain_answers_what_is_open_and_takes_nothing_more(self) -> None:
        begun, go = threading.Event(), threading.Event()

        def deliver(batch: Batch) -> None:
            begun.set()
            go.wait(20)
            each(batch, 1, lambda a: accepted())

        async with served(Double(deliver)) as (peer, server):
            await peer.open()
            stream = peer.deliver()
            await stream.send(testing.attempt(0))
            await asyncio.to_thread(begun.wait, 20)
            draining = asyncio.create_task(server.drain(20))
            await asyncio.sleep(0)
            self.assertEqual(await stream.answers(testing.attempt(1)), [(FAILED, "stopping")])
            go.set()
            await draining
            while 1 not in stream.verdicts:
                await stream.receive()
            self.assertEqual(stream.verdicts[1], (ACCEPTED, ""))
            self.assertEqual(stream.credits, 1024)  # the first ones: none is given back
