"""Three clients talk while connections break and servers die: nothing is lost, nothing doubled."""

import random
import sys
from pathlib import Path

import pytest
import trio
from attrs import define, field

from tests.client.storm import Storm, sqlite, storm
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
MESSAGES = 25
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
        has_all: Set when all messages of all clients have come.
    """

    sent: dict[str, str] = field(factory=dict)
    seen: list[LoggedEvent] = field(factory=list)
    has_all: trio.Event = field(factory=trio.Event)

    async def talk(self, chat: Chat) -> None:
        """Say one thing after the other."""
        for number in range(MESSAGES):
            text = f"{chat.username} {number}"
            logged = await chat.send(text)
            assert logged.id not in self.sent
            self.sent[logged.id] = text

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
            if len(self.texts()) == MESSAGES * len(NAMES):
                self.has_all.set()

    def texts(self) -> list[str]:
        """What has been said, in order."""
        return [event.text for event in self.seen if isinstance(event, Message)]


async def take_part(name: str, network: Storm, record: Record) -> None:
    async with open_chat(network.url, name) as chat, trio.open_nursery() as nursery:
        nursery.start_soon(record.listen, chat)
        await record.talk(chat)
        await record.has_all.wait()
        nursery.cancel_scope.cancel()


async def test_whatever_breaks_all_is_logged_once_and_seen_once_and_in_order(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1_000_000)
    records = {name: Record() for name in NAMES}
    with trio.fail_after(TIMEOUT_SECONDS):
        async with storm(seed, sqlite(tmp_path)) as network, trio.open_nursery() as weather:
            weather.start_soon(network.rage)
            async with trio.open_nursery() as nursery:
                for name, record in records.items():
                    nursery.start_soon(take_part, name, network, record)
            weather.cancel_scope.cancel()
    # Shown when it fails; the seed repeats the decisions of the storm, if not their moments.
    sys.stdout.write(f"seed {seed}: {network.cuts} cut, {network.kills} servers killed\n")
    sent = {id_: text for record in records.values() for id_, text in record.sent.items()}
    assert len(sent) == MESSAGES * len(NAMES)
    whole = max((record.seen for record in records.values()), key=len)
    assert {event.id: event.text for event in whole if isinstance(event, Message)} == sent
    for record in records.values():
        seqs = [event.seq for event in record.seen]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert {event.id for event in record.seen} >= set(record.sent)
    assert network.cuts > 3
    assert network.kills > 0
