# ruff: noqa: ARG001 - a clock works by being requested
"""Pages of history and gaps on their way to a client, and the live events that overtake them."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from tests.websocket.talk import (
    BOB,
    WALL_MS,
    Pending,
    Stage,
    Talk,
    command,
    drafts,
    hello,
    read_all,
)
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import text_frame
from trio_chat.protocol.events import Draft, Event, Kind
from trio_chat.settings import Settings
from trio_chat.store import changes
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore
from trio_chat.websocket import history, joining
from trio_chat.websocket.joining import TAKEN_SECONDS

QUEUE_BYTES = 100_000


class PausingStore(MemoryStore):
    """A store that reads at once, and returns the page when it may."""

    def __init__(self) -> None:
        super().__init__(lambda: "e1")
        self.pages: list[Page] = []
        self.may_go_on = trio.Event()
        self.may_go_on.set()

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        page = await super().read_before(room, before, limit)
        self.pages.append(page)
        await self.may_go_on.wait()
        return page


def deleted(target: str) -> Event:
    return Event(99, "d", "general", Kind.DELETED, "bob", "", WALL_MS, target)


def edited(target: str, text: str) -> Event:
    return Event(98, "e", "general", Kind.EDITED, "bob", text, WALL_MS, target)


def texts_of(page: dict[str, Any]) -> list[str]:
    return [event["message"] for event in page["history"]]


@asynccontextmanager
async def reading(
    store: PausingStore, nursery: trio.Nursery, *texts: str, **settings: int
) -> AsyncIterator[tuple[Talk, Pending]]:
    """A client that has entered, and whose page of these texts is read and not returned."""
    await store.append(drafts(*texts))
    with Stage(store=store, settings=Settings(**settings)).talk() as talk:  # type: ignore[arg-type]
        pending = await talk.enter(hello(), cut=len(texts))
        pending.changes.note(deleted("id0"))  # nobody reads: it is in the store
        talk.sent()
        store.may_go_on = trio.Event()
        await talk.say(command("history"))
        nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        yield talk, pending


async def test_page_is_as_new_as_live_events_received_during_the_read(
    nursery: trio.Nursery,
) -> None:
    store = PausingStore()
    async with reading(store, nursery, "0", "1", "2") as (talk, pending):
        pending.changes.note(deleted("id1"))
        pending.changes.note(edited("id2", "newer"))
        store.may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        (page,) = talk.sent()
        assert texts_of(page) == ["0", "", "newer"]
        assert [event.get("deleted") for event in page["history"]] == [None, True, None]
        assert [event.get("edited") for event in page["history"]] == [None, None, True]


async def test_page_is_as_new_as_live_events_received_while_it_waited(
    nursery: trio.Nursery,
) -> None:
    store = PausingStore()
    async with reading(store, nursery, "0", "1", "2", send_queue_bytes=QUEUE_BYTES) as (
        talk,
        pending,
    ):
        nursery.start_soon(talk.connection.outbox.drain_forever)
        stuff(talk)
        store.may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        pending.changes.note(edited("id1", "newer"))
        frame = text_frame(encode(deleted("id1")))
        pending.changes.note(deleted("id1"))
        talk.conversation.offer([frame], frame)
        sent = await read_all(talk)
        page = next(message for message in sent if message["type"] == "history")
        assert sent.index(page) > [message["type"] for message in sent].index("deleted")
        assert texts_of(page) == ["0", "", "2"]


async def test_page_is_as_new_as_live_events_received_after_the_client_asked_to_leave(
    nursery: trio.Nursery,
) -> None:
    store = PausingStore()
    await store.append(drafts("old"))
    with Stage(store=store).talk() as talk:
        pending = await talk.enter(hello(), cut=1)
        talk.sent()
        store.may_go_on = trio.Event()
        await talk.say(command("history"), command("leave", room="general"))
        nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        pending.changes.note(edited("id0", "newer"))
        store.may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        (page,) = talk.sent()
        assert texts_of(page) == ["newer"]


@pytest.mark.parametrize("joins", [True, False])
async def test_history_is_not_read_before_the_client_has_read_its_queue(
    nursery: trio.Nursery, *, joins: bool
) -> None:
    store = PausingStore()
    await store.append(drafts("a"))
    with Stage(store=store, settings=Settings(send_queue_bytes=QUEUE_BYTES)).talk() as talk:
        await talk.say(hello())
        pending = Pending(talk.take_join(), cut=1)
        if not joins:
            talk.conversation.admit(pending)
            await talk.run_jobs()
            store.pages.clear()
        stuff(talk)
        if joins:
            talk.conversation.admit(pending)
        else:
            await talk.say(command("history"))
        nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        assert not store.pages
        nursery.start_soon(talk.connection.outbox.drain_forever)
        await read_all(talk)
        assert len(store.pages) == 1


async def test_page_is_read_again_after_too_many_changes(nursery: trio.Nursery) -> None:
    store = PausingStore()
    async with reading(store, nursery, "old") as (talk, pending):
        edit = Draft("e", "general", "bob", "newer", WALL_MS, Kind.EDITED, "id0", BOB)
        await store.append([edit])
        pending.changes.note(edited("id0", "newer"))
        for number in range(changes.MAX_CHANGES):
            pending.changes.note(deleted(f"another {number}"))
        store.may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        (page,) = talk.sent()
        assert texts_of(page) == ["newer", "newer"]
        assert len(store.pages) == 3


async def test_answers_in_progress_are_limited_by_address(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SHARES_OF_ADDRESS", 2)
    store = PausingStore()
    store.may_go_on = trio.Event()
    stage = Stage(store=store)
    with ExitStack() as stack:
        addresses = [*["192.0.2.1"] * 5, "192.0.2.2"]
        talks = [stack.enter_context(stage.talk(address=address)) for address in addresses]
        for number, talk in enumerate(talks):
            await talk.say(hello(username=f"u{number}"))
            talk.conversation.admit(Pending(talk.take_join()))
            nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        assert len(store.pages) == 3  # two and the other one
        store.may_go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert len(store.pages) == 6


async def test_answer_is_in_progress_until_the_client_has_received_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clock jumps while a thread runs.
    monkeypatch.setattr(history, "is_large", lambda _, __: False)
    monkeypatch.setattr(history, "SHARES_OF_ADDRESS", 1)
    store = PausingStore()
    await store.append(drafts(*["a" * 4000] * 60))
    stage = Stage(store=store)
    with stage.talk() as stalled, stage.talk() as other:
        for talk in (stalled, other):
            talk.connection._transport.limit_send_buffer(4096)
        for number, talk in enumerate((stalled, other)):
            await talk.say(hello(username=f"u{number}"))
            talk.conversation.admit(Pending(talk.take_join(), cut=60))
            nursery.start_soon(talk.run_jobs)
        await trio.sleep(TAKEN_SECONDS - 1)
        assert len(store.pages) == 1
        await trio.sleep(2)
        assert len(store.pages) == 2


@pytest.mark.parametrize("first", [hello(), "ann"])
async def test_client_is_refused_if_its_address_has_too_many_waiting(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "MAX_WAITING", 0)
    with Stage().talk() as talk:
        await talk.say(first)
        assert talk.requests_left() == 0
        if first == "ann":
            assert talk.ending() == CloseCode.TRY_AGAIN_LATER
        else:
            error = talk.sent()[1]
            assert (error["code"], error["room"]) == ("limit_exceeded", "general")
            assert error["retryAfterMs"] > 0
            await talk.say(command("join", room="general", ref="r1"), command("history"))
            assert [frame["code"] for frame in talk.sent()] == ["limit_exceeded", "not_joined"]


def stuff(talk: Talk) -> None:
    """Fill the client's queue, so that only a short frame fits."""
    filler = text_frame(b'{"type":"filler","text":"%s"}' % (b"a" * 50_000))
    while not talk.connection.outbox.waiting_frames:
        talk.conversation.offer([filler], filler)
    rest = text_frame(b'{"type":"filler","text":"%s"}' % (b"a" * 49_500))
    talk.conversation.offer([rest], rest)
