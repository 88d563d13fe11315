"""Runs an outage of the store under load, and checks the experience of the clients."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define

from tests.stress.torture.client import Client, make_clients
from tests.stress.torture.participant import Participant, wait_until
from tests.stress.torture.server import Victim, fetch
from tests.stress.torture.trial import calm
from tests.stress.torture.verdict import Verdict, judge
from tests.stress.torture.wire import open_wire
from tests.support.waiting import PATIENCE_SECONDS, POLL_SECONDS

ROOMS = ("dev", "general", "ops")


@define(eq=False)
class Outage:
    """A server, clients that send all the time, and a client ``dora`` of the test."""

    victim: Victim
    store: str
    stderr: Path
    clients: list[Client]
    dora: Participant

    async def readiness(self) -> tuple[int, str]:
        """Return the status and body of ``/readyz``."""
        return await fetch(self.victim.port, "/readyz")

    async def wait_for_readiness(self, status: int) -> str:
        """Wait until ``/readyz`` has this status, and return its body."""
        found, text = 0, ""
        with trio.fail_after(PATIENCE_SECONDS):
            while found != status:
                await trio.sleep(POLL_SECONDS)
                found, text = await self.readiness()
        return text

    async def wait_for_acknowledgements(self) -> None:
        """Wait until each client has received another acknowledgement."""
        before = [len(client.acked) for client in self.clients]
        await wait_until(
            lambda: all(
                len(client.acked) > count
                for client, count in zip(self.clients, before, strict=True)
            )
        )

    async def check_outage(self) -> str:
        """Check that only the store is out: clients receive errors. Return the body of /readyz."""
        why = await self.wait_for_readiness(503)
        began = trio.current_time()
        answer = await self.dora.send("meanwhile")
        assert (answer["type"], answer.get("code")) == ("error", "unavailable")
        assert answer["room"] == "dev"
        assert trio.current_time() - began < PATIENCE_SECONDS / 2
        await self.dora.type()
        with trio.fail_after(PATIENCE_SECONDS):
            await self.dora.wire.ping()
        await wait_until(lambda: all(client.unavailable for client in self.clients))
        # A call of the store may take five seconds; a busy machine takes longer.
        assert max(client.slowest_refusal for client in self.clients) < PATIENCE_SECONDS / 2
        return why

    async def check_recovery(self) -> None:
        """Check that the store works again, and that clients can send failed messages again."""
        assert await self.wait_for_readiness(200) == "ready"
        answer = await self.dora.send("meanwhile")
        assert answer["type"] == "ack"
        again = await self.dora.send("meanwhile")
        assert (again["id"], again["seq"], again["dup"]) == (answer["id"], answer["seq"], True)
        await self.wait_for_acknowledgements()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of this event."""
        lines = map(json.loads, self.stderr.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["event"] == event]

    async def judge(self) -> Verdict:
        """Wait until all clients have caught up, and compare their events with the database."""
        return judge(self.clients, await calm(self.clients, self.store))


@asynccontextmanager
async def outage_under_load(store: str, folder: Path, clients: int = 6) -> AsyncIterator[Outage]:
    """Run a server with clients that send messages; the body causes an outage.

    At the end the same process must run, with each promise kept and each outage's end logged.
    """
    stderr = folder / "stderr"
    victim = Victim(store, stderr)
    senders = make_clients(clients, ROOMS, victim.port, seed=0)
    for client in senders:
        client.is_cut = False
    try:
        await victim.start()
        pid = victim.pid
        async with trio.open_nursery() as nursery:
            for client in senders:
                nursery.start_soon(client.run)
            wire = await open_wire(victim.port)
            try:
                outage = Outage(victim, store, stderr, senders, Participant(wire, "dora"))
                await outage.dora.join()
                await outage.wait_for_acknowledgements()
                yield outage
                verdict = await outage.judge()
            finally:
                wire.cut()
            nursery.cancel_scope.cancel()
        assert victim.pid == pid
        assert await victim.stop() == 0
        assert verdict.is_clean, str(verdict)
        assert (
            len(outage.lines("store unreachable")) == len(outage.lines("store reachable again")) > 0
        )
    finally:
        with trio.CancelScope(shield=True):
            await victim.kill()
