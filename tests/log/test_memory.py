"""What only a log in memory does; the rest is its contract, in tests/contracts."""

from trio_chat.log.base import Logged
from trio_chat.log.memory import EVENTS_PER_ROOM, MemoryLog
from trio_chat.protocol.events import Draft


async def append(log: MemoryLog, batch: list[Draft]) -> list[int]:
    commit = await log.append(batch)
    return [outcome.event.seq for outcome in commit.outcomes if isinstance(outcome, Logged)]


def drafts(count: int, room: str = "general") -> list[Draft]:
    return [Draft(f"{room}-{number}", room, "ann", "hi", 0) for number in range(count)]


async def seqs(log: MemoryLog, room: str = "general") -> list[int]:
    page = await log.read_before(room, 1 << 62, 1 << 62)
    return [event.seq for event in page.events]


async def test_a_room_keeps_its_newest_events_and_their_numbers() -> None:
    log = MemoryLog(events_per_room=3)
    await log.append(drafts(5))
    assert await seqs(log) == [3, 4, 5]
    assert (await log.stands(["general"]))["general"].head == 5
    assert await append(log, drafts(1)) == [6]


async def test_what_was_forgotten_for_its_age_is_not_promised() -> None:
    log = MemoryLog(events_per_room=3)
    await log.append(drafts(5))
    assert not (await log.read_before("general", 1 << 62, 3)).more
    assert (await log.read_before("general", 3, 3)).events == ()


async def test_a_thousand_events_are_kept_unless_told_otherwise() -> None:
    log = MemoryLog()
    await log.append(drafts(EVENTS_PER_ROOM + 1))
    assert await seqs(log) == list(range(2, 1002))


async def test_each_room_has_its_own_thousand() -> None:
    log = MemoryLog(events_per_room=2)
    await log.append(drafts(2) + drafts(2, "dev"))
    assert await seqs(log) == await seqs(log, "dev") == [1, 2]


async def test_a_forgotten_room_begins_anew() -> None:
    log = MemoryLog()
    await log.append(drafts(5))
    await log.forget("general")
    assert (await log.stands(["general"]))["general"].head == 0
    assert await seqs(log) == []
    assert await append(log, drafts(1)) == [1]
