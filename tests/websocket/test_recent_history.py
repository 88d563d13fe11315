"""Joins of a room whose newest events and read markers are in memory, or about to be."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import trio
import trio.testing

from tests.websocket.talk import Pending, Stage, Talk, command, drafts, hello, seqs
from trio_chat.errors import DamagedData
from trio_chat.protocol.commands import ReadMarker
from trio_chat.store import recent
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore
from trio_chat.websocket import history

ROOM = "general"
EVENTS = 100


class CountingStore(MemoryStore):
    """A store that records its calls, and answers when `may_answer` is set.

    The calls in `damaged` fail.
    """

    def __init__(self) -> None:
        super().__init__(lambda: "e1")
        self.asked: list[str] = []
        self.damaged: set[str] = set()
        self.may_answer = trio.Event()
        self.may_answer.set()

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        await self._count("read_before")
        return await super().read_before(room, before, limit)

    async def read_after(self, room: str, after: int, limit: int) -> Page:
        await self._count("read_after")
        return await super().read_after(room, after, limit)

    async def all_marks(self, room: str, most: int) -> Mapping[str, int] | None:
        await self._count("all_marks")
        return await super().all_marks(room, most)

    async def _count(self, call: str) -> None:
        self.asked.append(call)
        await self.may_answer.wait()
        if call in self.damaged:
            raise DamagedData("damaged")


@pytest.fixture
async def store() -> CountingStore:
    store = CountingStore()
    await store.append(drafts(*range(EVENTS)), [ReadMarker(n, ROOM, f"u{n}") for n in range(9)])
    return store


@pytest.fixture
def stage(store: CountingStore) -> Stage:
    stage = Stage(store=store)
    stage.recent.open(ROOM, "e1", EVENTS)
    return stage


@pytest.fixture
def keeps_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A join leaves 66 of the 100 events in memory."""
    monkeypatch.setattr(recent, "_MOST_UNNOTED", 16)


async def admitted(talk: Talk, name: str, **since: object) -> Pending:
    await talk.say(hello(username=name, rooms={ROOM: since}))
    join = talk.take_join()
    pending = Pending(join, cut=EVENTS)
    talk.conversation.admit(pending)
    return pending


def joined(talk: Talk) -> dict[str, Any]:
    (message,) = [message for message in talk.sent() if message["type"] == "joined"]
    return message


async def test_one_read_serves_all_clients_that_join_together(
    nursery: trio.Nursery, stage: Stage, store: CountingStore
) -> None:
    store.may_answer = trio.Event()
    with ExitStack() as stack:
        talks = [stack.enter_context(stage.talk()) for _ in range(5)]
        for number, talk in enumerate(talks):
            await admitted(talk, f"u{number}")
            nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        store.may_answer.set()
        await trio.testing.wait_all_tasks_blocked()
        assert store.asked == ["read_before", "all_marks"]
        for number, talk in enumerate(talks):
            message = joined(talk)
            assert seqs(message["history"]) == [*range(51, 101)]
            assert (message["read"], message["more"]) == (number, True)


async def test_store_two_commits_ahead_is_read_once(
    nursery: trio.Nursery, stage: Stage, store: CountingStore
) -> None:
    await store.append(drafts(*range(2 * 64), prefix="new"))
    with stage.talk() as talk:
        await admitted(talk, "ann")
        nursery.start_soon(talk.run_jobs)
        await trio.testing.wait_all_tasks_blocked()
        assert seqs(joined(talk)["history"]) == [*range(51, 101)]
    assert store.asked == ["read_before", "all_marks"]


async def test_cancelled_read_is_taken_over(
    nursery: trio.Nursery, stage: Stage, store: CountingStore
) -> None:
    store.may_answer = trio.Event()
    with stage.talk() as first, stage.talk() as second:
        await admitted(first, "u1")
        await admitted(second, "u2")
        async with trio.open_nursery() as one:
            one.start_soon(first.run_jobs)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(second.run_jobs)
            await trio.testing.wait_all_tasks_blocked()
            one.cancel_scope.cancel()
        store.may_answer.set()
        await trio.testing.wait_all_tasks_blocked()
        assert store.asked == ["read_before", "read_before", "all_marks"]
        assert len(joined(second)["history"]) == 50


@pytest.mark.usefixtures("keeps_few")
async def test_resume_reads_the_store_as_seldom_as_a_join(
    stage: Stage, store: CountingStore
) -> None:
    for since, count in [(98, 2), (50, 50), (0, 100), (100, 0)]:
        with stage.talk() as talk:
            await admitted(talk, "u1", since=since, epoch="e1")
            await talk.run_jobs()
            message = joined(talk)
            assert message["recovered"]
            assert seqs(message["history"]) == [*range(since + 1, 101)]
            assert len(message["history"]) == count
    # The third wants more than the first two have left in memory.
    assert store.asked == ["read_before", "all_marks", "read_before"]


@pytest.mark.usefixtures("keeps_few")
async def test_pages_in_memory_need_no_read(stage: Stage, store: CountingStore) -> None:
    with stage.talk() as talk:
        await admitted(talk, "u1")
        await talk.run_jobs()
        store.asked.clear()
        talk.sent()
        asked: list[tuple[dict[str, int], tuple[int, int, bool]]] = [
            ({"limit": 5}, (96, 100, True)),
            ({"limit": 5, "before": 80}, (75, 79, True)),
            ({"limit": 5, "after": 90}, (91, 95, True)),
            ({"limit": 20, "after": 90}, (91, 100, False)),
        ]
        for fields, (first, last, more) in asked:
            await talk.say(command("history", room=ROOM, **fields))
            await talk.run_jobs()
            (page,) = talk.sent()
            (oldest, *_, newest) = seqs(page["history"])
            assert (oldest, newest, page["more"]) == (first, last, more)
        assert store.asked == []
        for fields in ({"limit": 5, "before": 3}, {"limit": 5, "after": 0}):
            await talk.say(command("history", room=ROOM, **fields))
            await talk.run_jobs()
        assert store.asked == ["read_before", "read_after"]


async def test_memory_of_a_replaced_history_is_not_used(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
    stage: Stage,
    store: CountingStore,
) -> None:
    with stage.talk() as talk:
        await admitted(talk, "u1")
        await talk.run_jobs()
        talk.sent()
        assert stage.recent.before(ROOM, "e1", None, 50) is not None
        store._new_epoch = lambda: "e2"
        await store.take_new_epoch("e1")  # the hub does not know yet
        with stage.talk() as other:
            pending = await admitted(other, "u2")
            await other.run_jobs()
            assert pending.is_discarded
            assert [message["type"] for message in other.sent()] == ["welcome"]
        await talk.say(command("history", room=ROOM))
        await talk.run_jobs()
        (error,) = talk.sent()
        assert error["code"] == "unavailable"


@pytest.mark.parametrize("call", ["read_before", "all_marks"])
async def test_unrelated_damage_does_not_refuse_a_client(
    call: str, stage: Stage, store: CountingStore
) -> None:
    store.damaged.add(call)
    with stage.talk() as talk:
        await admitted(talk, "u1", since=98, epoch="e1")
        await talk.run_jobs()
        message = joined(talk)
        assert (message["recovered"], message["read"]) == (True, 1)


async def test_too_many_read_markers_are_read_for_each_client(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, store: CountingStore
) -> None:
    monkeypatch.setattr("trio_chat.websocket.history.MOST_MARKS", 3)
    for number in (1, 2):
        with stage.talk() as talk:
            await admitted(talk, f"u{number}")
            await talk.run_jobs()
            assert joined(talk)["read"] == number
    assert store.asked == ["read_before", "all_marks"]


@pytest.mark.parametrize("missed", [None, 0, 10])
async def test_short_answer_in_memory_is_sent_at_once(missed: int | None, stage: Stage) -> None:
    with stage.talk() as first:
        await admitted(first, "u1")
        await first.run_jobs()
        expected = joined(first)
    with stage.talk() as talk:
        since = {} if missed is None else {"since": EVENTS - missed, "epoch": "e1"}
        pending = await admitted(talk, "u1", **since)
        assert (len(pending.activated), talk.jobs) == (1, [])
        assert talk.conversation._joining._epochs[ROOM] == "e1"
        message = joined(talk)
        if missed is not None:
            newest = expected["history"][50 - missed :]
            expected |= {"recovered": True, "history": newest, "more": False}
        assert message == expected


async def test_long_resume_is_answered_from_memory(stage: Stage, store: CountingStore) -> None:
    await store.append(drafts(*range(300), prefix="new"))
    stage.recent.open(ROOM, "e1", EVENTS + 300)
    for _ in range(2):
        with stage.talk() as talk:
            await talk.say(hello(rooms={ROOM: {"since": 10, "epoch": "e1"}}))
            pending = await talk.be_admitted(cut=EVENTS + 300)
            assert len(pending.activated) == 1
            assert len(joined(talk)["history"]) == EVENTS + 300 - 10
    assert store.asked == ["read_before", "all_marks"]


async def test_only_new_or_compressed_encodings_need_a_thread(
    monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    threads = 0
    run_sync = trio.to_thread.run_sync

    async def count_threads(*arguments: Any, **options: Any) -> object:  # noqa: ANN401
        nonlocal threads
        threads += 1
        return await run_sync(*arguments, **options)

    monkeypatch.setattr(trio.to_thread, "run_sync", count_threads)
    monkeypatch.setattr(history, "LARGE_EVENTS", 20)
    monkeypatch.setattr(history, "SHORT_BYTES", 1000)
    for deflate, expected in [(None, 1), (None, 0), ("permessage-deflate", 1)]:
        threads = 0
        with stage.talk(deflate=deflate) as talk:
            await admitted(talk, "u1", since=60, epoch="e1")
            await talk.run_jobs()
            assert len(joined(talk)["history"]) == 40
        assert threads == expected


async def test_joins_share_the_json_of_events_without_read_markers_in_memory(
    stage: Stage, store: CountingStore
) -> None:
    store.damaged = {"all_marks"}
    for name in ("u1", "u2"):
        with stage.talk() as talk:
            await admitted(talk, name)
            await talk.run_jobs()
            assert joined(talk)["read"] == int(name[1])
    page = stage.recent.before(ROOM, "e1", EVENTS, 50)
    assert page is not None
    assert page.json is not None


async def test_plain_client_receives_recent_history_at_once(stage: Stage) -> None:
    with stage.talk() as first:
        await admitted(first, "u1")
        await first.run_jobs()
    with stage.talk() as talk:
        await talk.say("ann")
        join = talk.take_join()
        talk.conversation.admit(Pending(join, cut=EVENTS))
        (history,) = talk.sent()
        assert seqs(history["history"]) == [*range(51, 101)]


async def test_join_waits_for_an_earlier_join_that_reads(stage: Stage) -> None:
    with stage.talk() as first, stage.talk() as talk:
        pending = await admitted(talk, "u1")
        await admitted(first, "u2")
        await first.run_jobs()
        await talk.say(command("join", room=ROOM))
        again = talk.take_join()
        anew = Pending(again, cut=EVENTS)
        talk.conversation.admit(anew)
        assert (pending.activated, anew.activated) == ([], [])
        await talk.run_jobs()
        assert (len(pending.activated), len(anew.activated)) == (1, 1)


async def test_large_answer_needs_a_share(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    monkeypatch.setattr("trio_chat.websocket.history.SHORT_BYTES", 1000)
    with stage.talk() as first, stage.talk() as talk:
        await admitted(first, "u1")
        await first.run_jobs()
        pending = await admitted(talk, "u2")
        assert pending.activated == []
        await talk.run_jobs()
        assert len(pending.activated) == 1
