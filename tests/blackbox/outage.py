"""A server under load whose log is taken away, and what people notice of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define

from tests.stress.torture.client import Client, crowd
from tests.stress.torture.server import Victim, fetch
from tests.stress.torture.somebody import Somebody, wait_until
from tests.stress.torture.trial import calm
from tests.stress.torture.verdict import Verdict, judge
from tests.stress.torture.wire import open_wire
from tests.support.waiting import PATIENCE_SECONDS, POLL_SECONDS

ROOMS = ("dev", "general", "ops")


@define(eq=False)
class Ordeal:
    """What a test works with.

    Attributes:
        victim: The server.
        store: Its `--store`.
        stderr: Its lines.
        clients: Those who talk all the time.
        dora: And one who does what the test wants.
    """

    victim: Victim
    store: str
    stderr: Path
    clients: list[Client]
    dora: Somebody

    async def readiness(self) -> tuple[int, str]:
        """Status and text of ``/readyz``."""
        return await fetch(self.victim.port, "/readyz")

    async def wait_for_readiness(self, status: int) -> str:
        """Wait until ``/readyz`` has this status, and give its text."""
        found, text = 0, ""
        with trio.fail_after(PATIENCE_SECONDS):
            while found != status:
                await trio.sleep(POLL_SECONDS)
                found, text = await self.readiness()
        return text

    async def wait_for_talk(self) -> None:
        """Wait until every client has been acknowledged something more."""
        before = [len(client.acked) for client in self.clients]
        await wait_until(
            lambda: all(
                len(client.acked) > count
                for client, count in zip(self.clients, before, strict=True)
            )
        )

    async def suffer(self) -> str:
        """Check that clients receive errors during an outage of the store, and all else works.

        Returns:
            What ``/readyz`` says.
        """
        why = await self.wait_for_readiness(503)
        began = trio.current_time()
        answer = await self.dora.say("meanwhile")
        assert (answer["type"], answer.get("code")) == ("error", "unavailable")
        assert answer["room"] == "dev"
        assert trio.current_time() - began < PATIENCE_SECONDS / 2
        await self.dora.type()
        with trio.fail_after(PATIENCE_SECONDS):
            await self.dora.wire.ping()
        await wait_until(lambda: all(client.unavailable for client in self.clients))
        # Five seconds is what a call of the store may take; on a busy machine all takes longer.
        assert max(client.slowest_refusal for client in self.clients) < PATIENCE_SECONDS / 2
        return why

    async def recover(self) -> None:
        """Hold that the store is used again, and that what failed can be sent again."""
        assert await self.wait_for_readiness(200) == "ready"
        answer = await self.dora.say("meanwhile")
        assert answer["type"] == "ack"
        again = await self.dora.say("meanwhile")
        assert (again["id"], again["seq"], again["dup"]) == (answer["id"], answer["seq"], True)
        await self.wait_for_talk()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of the server's log that tell of this."""
        lines = map(json.loads, self.stderr.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["event"] == event]

    async def judge(self) -> Verdict:
        """Let everybody catch up, and compare what they have seen with the database."""
        return judge(self.clients, await calm(self.clients, self.store))


@asynccontextmanager
async def ordeal(store: str, folder: Path, clients: int = 6) -> AsyncIterator[Ordeal]:
    """A server with clients that send messages.

    At the end it must have been one process throughout, with every promise kept, nothing but
    objects in its store, and as many ends of outages as beginnings.
    """
    stderr = folder / "stderr"
    victim = Victim(store, stderr)
    people = crowd(clients, ROOMS, victim.port, seed=0)
    for client in people:
        client.is_cut = False
    try:
        await victim.start()
        pid = victim.pid
        async with trio.open_nursery() as nursery:
            for client in people:
                nursery.start_soon(client.run)
            wire = await open_wire(victim.port)
            try:
                one = Ordeal(victim, store, stderr, people, Somebody(wire, "dora"))
                await one.dora.join()
                await one.wait_for_talk()
                yield one
                verdict = await one.judge()
            finally:
                wire.cut()
            nursery.cancel_scope.cancel()
        assert victim.pid == pid
        assert await victim.stop() == 0
        assert verdict.is_clean, str(verdict)
        assert len(one.lines("store unreachable")) == len(one.lines("store reachable again")) > 0
    finally:
        with trio.CancelScope(shield=True):
            await victim.kill()
