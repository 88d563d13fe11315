"""Three clients talk while connections break and servers die: nothing is lost, nothing doubled."""

import itertools
import random
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
from attrs import define, field

from tests.client.storm import BLOWS_TO_A_KILL, Storm, sqlite, storm
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
BLOWS = 24
TIMEOUT_SECONDS = 40


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for half a second in each storm meets too few of them."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.1)


@define(eq=False)
class Record:
    """What one client has had acknowledged, and what it has seen.

    Attributes:
        sent: Its messages, by id.
        seen: What was logged, as it came.
    """

    sent: dict[str, str] = field(factory=dict)
    seen: list[LoggedEvent] = field(factory=list)
    _came: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def talk(self, chat: Chat, network: Storm) -> None:
        """Say one thing after the other, until it is calm."""
        for number in itertools.count():
            text = f"{chat.username} {number}"
            logged = await chat.send(text)
            assert logged.id not in self.sent
            self.sent[logged.id] = text
            if network.is_over:
                return

    async def listen(self, chat: Chat) -> None:
        """Take whatever comes."""
        async for event in chat:
            match event:
                case Gap():
                    raise AssertionError(f"something is missing: {event}")
                case Joined():
                    self.seen.extend(event.history)
                case Message() | Notice() | Edited() | Deleted():
                    self.seen.append(event)
            self._came.unpark_all()

    async def has_seen(self, ids: Iterable[str]) -> None:
        """Wait until these have come."""
        while not {event.id for event in self.seen} >= set(ids):
            await self._came.park()


@define(eq=False)
class Company:
    """All who take part.

    Attributes:
        records: Of each, by name.
        talking: How many have not said everything.
        silence: Set when nobody talks any more.
    """

    records: dict[str, Record]
    talking: int = len(NAMES)
    silence: trio.Event = field(factory=trio.Event)

    def sent(self) -> dict[str, str]:
        """All messages, by id."""
        return {id_: text for record in self.records.values() for id_, text in record.sent.items()}

    async def take_part(self, name: str, network: Storm) -> None:
        """Talk and listen under this name until everything has come."""
        record = self.records[name]
        async with open_chat(network.url, name) as chat, trio.open_nursery() as nursery:
            nursery.start_soon(record.listen, chat)
            await record.talk(chat, network)
            self.talking -= 1
            if not self.talking:
                self.silence.set()
            await self.silence.wait()
            await record.has_seen(self.sent())
            nursery.cancel_scope.cancel()


async def test_whatever_breaks_all_is_logged_once_and_seen_once_and_in_order(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1_000_000)
    company = Company({name: Record() for name in NAMES})
    with trio.fail_after(TIMEOUT_SECONDS):
        async with storm(seed, sqlite(tmp_path)) as network, trio.open_nursery() as nursery:
            nursery.start_soon(network.rage, BLOWS)
            for name in NAMES:
                nursery.start_soon(company.take_part, name, network)
            await company.silence.wait()
    sent = company.sent()
    # Shown when it fails; the seed repeats the decisions of the storm, if not their moments.
    figures = f"{len(sent)} messages, {network.cuts} cut, {network.kills} servers killed"
    sys.stdout.write(f"seed {seed}: {figures}\n")
    assert network.kills == BLOWS // BLOWS_TO_A_KILL
    whole = max((record.seen for record in company.records.values()), key=len)
    assert {event.id: event.text for event in whole if isinstance(event, Message)} == sent
    for record in company.records.values():
        seqs = [event.seq for event in record.seen]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
