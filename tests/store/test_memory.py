"""The limits of the store in memory; tests/contracts has its contract."""

import gc
from collections.abc import Iterator
from types import FunctionType, ModuleType

from tests.contracts.drafts import ANN, append, delete, draft, everything
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Repeated
from trio_chat.store.memory import EVENTS_PER_ROOM, MemoryStore


def drafts(count: int, room: str = "general") -> list[Draft]:
    return [draft(f"{number}", room) for number in range(count)]


async def seqs(store: MemoryStore, room: str = "general") -> list[int]:
    return [event.seq for event in await everything(store, room)]


async def test_a_room_keeps_its_newest_events_and_their_numbers() -> None:
    store = MemoryStore(events_per_room=3)
    await store.append(drafts(5) + drafts(2, "dev"))
    assert await seqs(store) == [3, 4, 5]
    assert await seqs(store, "dev") == [1, 2]
    assert not (await store.read_before("general", 1 << 62, 3)).more
    assert (await store.read_before("general", 3, 3)).events == ()
    assert (await store.positions(["general"]))["general"].head == 5
    assert [event.seq for event in await append(store, drafts(1))] == [6]


async def test_the_default_limit_is_a_thousand_events_per_room() -> None:
    store = MemoryStore()
    await store.append(drafts(EVENTS_PER_ROOM + 1))
    assert await seqs(store) == list(range(2, 1002))


def reachable(origin: object) -> Iterator[object]:
    """Yield each object that another one refers to, at any depth."""
    seen, ahead = set[int](), [origin]
    while ahead:
        one = ahead.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
            seen.add(id(one))
            yield one
            ahead += gc.get_referents(one)


async def test_a_deleted_text_is_nowhere_in_memory() -> None:
    store = MemoryStore()
    message = draft("a secret", author=ANN, ref="r", id="1")
    await store.append([message])
    assert "a secret" in reachable(store)
    await store.append([delete("1", ref="s")])
    assert "a secret" not in reachable(store)
    assert (await store.append([message])).outcomes == [Repeated("1", 1)]


async def test_a_forgotten_room_starts_at_one_again() -> None:
    store = MemoryStore()
    await store.append(drafts(5))
    await store.forget("general")
    assert (await store.positions(["general"]))["general"].head == 0
    assert await seqs(store) == []
    assert [event.seq for event in await append(store, drafts(1))] == [1]
