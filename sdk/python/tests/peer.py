"""Plays the engine: a client of a channel that is served over a socket, without TLS."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from carillon import Account, AccountConfig, Batch, Channel, Description, Verdict, _wire, accepted, each
from carillon._server import Server

PATIENCE = 20


class Peer:
    def __init__(self, socket: str) -> None:
        self.channel = grpc.aio.insecure_channel("unix:" + socket)
        service, w = "/channel.v1.Channel/", _wire
        self.describe = self.channel.unary_unary(
            service + "Describe", w.DescribeRequest.SerializeToString, w.DescribeResponse.FromString)
        self.configure = self.channel.unary_unary(
            service + "Configure", w.ConfigureRequest.SerializeToString, w.ConfigureResponse.FromString)
        self._deliver = self.channel.stream_stream(
            service + "Deliver", w.DeliverRequest.SerializeToString, w.DeliverResponse.FromString)

    async def open(self, account: str = "a", settings: bytes = b"{}", **secrets: str) -> list[Any]:
        pairs = [_wire.Pair(key=k, value=v) for k, v in secrets.items()]
        answer = await self.configure(_wire.ConfigureRequest(account=account, settings=settings, secrets=pairs))
        self.connections = answer.connections
        return list(answer.faults)

    def deliver(self, account: str = "a", urgent: bool = False) -> "Stream":
        return Stream(self._deliver(timeout=PATIENCE), account, urgent)


class Stream:
    def __init__(self, call: Any, account: str, urgent: bool) -> None:
        self.call, self.first = call, {"account": account, "urgent": urgent}
        self.credits, self.messages = 0, 0
        self.verdicts: dict[int, tuple[int, str]] = {}

    async def send(self, *attempts: Any) -> None:
        await self.call.write(_wire.DeliverRequest(attempts=attempts, **self.first))
        self.first = {}

    async def receive(self) -> None:
        answer = await self.call.read()
        if answer is grpc.aio.EOF:
            raise EOFError
        self.messages += 1
        self.credits += answer.credits
        for r in answer.results:
            if r.token in self.verdicts:
                raise AssertionError(f"token {r.token} is answered twice")
            self.verdicts[r.token] = (r.verdict, r.code)

    async def answers(self, *attempts: Any) -> list[tuple[int, str]]:
        await self.send(*attempts)
        while not all(a.token in self.verdicts for a in attempts):
            await self.receive()
        return [self.verdicts[a.token] for a in attempts]

    async def finish(self) -> None:
        await self.call.done_writing()
        while (answer := await self.call.read()) is not grpc.aio.EOF:
            self.credits += answer.credits
            for r in answer.results:
                self.verdicts[r.token] = (r.verdict, r.code)


class Double(Channel, Account):
    """A channel whose only account does what the test says."""

    def __init__(self, deliver: Callable[[Batch], Any] | None = None, **about: Any) -> None:
        self.about, self.closed, self.opened = about, 0, AccountConfig()
        if deliver:
            setattr(self, "deliver", deliver)

    def describe(self) -> Description:
        known: dict[str, Any] = {"name": "double", "version": "1.0.0", "address_kind": "recipient", "settings_schema": {}}
        return Description(**(known | self.about))

    def open(self, config: AccountConfig) -> Account:
        self.opened = config
        return self

    def deliver(self, batch: Batch) -> Any:
        each(batch, 4, lambda a: accepted(a.key))

    def connections(self) -> int:
        return 7

    def close(self) -> None:
        self.closed += 1


@asynccontextmanager
async def served(channel: Channel) -> AsyncIterator[tuple[Peer, Server]]:
    with tempfile.TemporaryDirectory() as folder:
        server, rpc = Server(channel), grpc.aio.server(options=_wire.OPTIONS)
        rpc.add_generic_rpc_handlers([server.handler()])
        rpc.add_insecure_port(f"unix:{folder}/s")
        await rpc.start()
        peer = Peer(f"{folder}/s")
        try:
            yield peer, server
        finally:
            await peer.channel.close()
            await rpc.stop(None)
            await asyncio.wait_for(server.close(), PATIENCE)


async def until(met: Callable[[], bool]) -> None:
    """Waits until something is true."""
    async with asyncio.timeout(PATIENCE):
        while not met():
            await asyncio.sleep(0.002)


__all__ = ["Double", "Peer", "Stream", "Verdict", "served", "until"]
