"""Three library clients send while connections break and servers die: no loss, no repeat."""

import itertools
import random
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
from attrs import define, field

from tests.stress.torture.network import FAULTS_PER_KILL, Network, unreliable_network
from trio_chat.client import (
    Chat,
    Deleted,
    Edited,
    Gap,
    Joined,
    LoggedEvent,
    Message,
    Notice,
    open_chat,
    retry,
)

NAMES = ("ann", "bob", "carl")
FAULTS = 24
TIMEOUT_SECONDS = 40


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits of clients, so that they meet more faults."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.1)


@define(eq=False)
class Record:
    """The messages and events of one client.

    Attributes:
        sent: Its acknowledged messages, by id.
        seen: The events it received, in order.
    """

    sent: dict[str, str] = field(factory=dict)
    seen: list[LoggedEvent] = field(factory=list)
    _arrived: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def send(self, chat: Chat, network: Network) -> None:
        """Send one message after the other, until the faults are over."""
        for number in itertools.count():
            text = f"{chat.username} {number}"
            logged = await chat.send(text)
            assert logged.id not in self.sent
            self.sent[logged.id] = text
            if network.is_over:
                return

    async def receive(self, chat: Chat) -> None:
        """Record all events."""
        async for event in chat:
            match event:
                case Gap():
                    raise AssertionError(f"events are missing: {event}")
                case Joined():
                    self.seen.extend(event.history)
                case Message() | Notice() | Edited() | Deleted():
                    self.seen.append(event)
            self._arrived.unpark_all()

    async def wait_for(self, ids: Iterable[str]) -> None:
        """Wait until these events have arrived."""
        while not {event.id for event in self.seen} >= set(ids):
            await self._arrived.park()


@define(eq=False)
class Trial:
    """All clients.

    Attributes:
        records: Their records, by name.
        sending: The number of clients that still send.
        silence: Set when all have finished sending.
    """

    records: dict[str, Record]
    sending: int = len(NAMES)
    silence: trio.Event = field(factory=trio.Event)

    def sent(self) -> dict[str, str]:
        """Return all messages, by id."""
        return {id_: text for record in self.records.values() for id_, text in record.sent.items()}

    async def run(self, name: str, network: Network) -> None:
        """Send and receive under this name until all messages have arrived."""
        record = self.records[name]
        async with open_chat(network.url, name) as chat, trio.open_nursery() as nursery:
            nursery.start_soon(record.receive, chat)
            await record.send(chat, network)
            self.sending -= 1
            if not self.sending:
                self.silence.set()
            await self.silence.wait()
            await record.wait_for(self.sent())
            nursery.cancel_scope.cancel()


async def test_library_clients_survive_cuts_and_kills_without_loss_or_repeat(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1_000_000)
    trial = Trial({name: Record() for name in NAMES})
    with trio.fail_after(TIMEOUT_SECONDS):
        store = f"sqlite:{tmp_path / 'chat.db'}"
        async with unreliable_network(seed, store) as network, trio.open_nursery() as nursery:
            nursery.start_soon(network.fail, FAULTS)
            for name in NAMES:
                nursery.start_soon(trial.run, name, network)
            await trial.silence.wait()
    sent = trial.sent()
    # For failures; the seed repeats the decisions of the network, not their timing.
    figures = f"{len(sent)} messages, {network.cuts} cut, {network.kills} servers killed"
    sys.stdout.write(f"seed {seed}: {figures}\n")
    assert network.kills == FAULTS // FAULTS_PER_KILL
    whole = max((record.seen for record in trial.records.values()), key=len)
    assert {event.id: event.text for event in whole if isinstance(event, Message)} == sent
    for record in trial.records.values():
        seqs = [event.seq for event in record.seen]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
