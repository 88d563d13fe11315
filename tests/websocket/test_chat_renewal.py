# ruff: noqa: ARG001 - a clock works by being requested
"""Clients of a store that holds another history, or none at the moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from tests.websocket.talk import (
    LostStore,
    Pending,
    Stage,
    Talk,
    command,
    damaged,
    filled,
    hello,
    seqs,
)
from trio_chat.access.names import prepare_name
from trio_chat.errors import store_unavailable
from trio_chat.hub.requests import Join
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore

ROOM = "general"


async def renew(talk: Talk, epoch: str, cut: int = 0) -> Pending:
    """Admit the client again, as the hub does by itself."""
    join = Join(talk.conversation, ROOM, prepare_name("ann"), is_renewal=True)
    pending = Pending(join, cut, epoch)
    talk.conversation.admit(pending)
    await talk.run_jobs()
    return pending


@asynccontextmanager
async def entered(store: MemoryStore, first: str) -> AsyncIterator[Talk]:
    """A client that has received the history."""
    with Stage(store=store).talk() as talk:
        await talk.enter(first, cut=store._rooms[ROOM].head)
        talk.sent()
        yield talk


@pytest.mark.parametrize("first", [hello(), "ann"])
async def test_client_receives_the_new_history(first: str) -> None:
    store = await filled(2)
    async with entered(store, first) as talk:
        store._rooms[ROOM].epoch = "e2"
        await renew(talk, "e2", cut=2)
        (answer,) = talk.sent()
        assert seqs(answer["history"]) == [1, 2]
        if first == "ann":
            assert answer["type"] == "history"
        else:
            assert (answer["type"], answer["epoch"], answer["head"]) == ("joined", "e2", 2)
            assert not answer["recovered"]
            assert "ref" not in answer


@pytest.mark.parametrize("since", [{}, {"since": 1, "epoch": "e1"}])
async def test_client_never_receives_two_histories_for_one_subscription(
    autojump_clock: MockClock, since: dict[str, object]
) -> None:
    store = await filled(2)
    store._rooms[ROOM].epoch = "e2"
    with Stage(store=store).talk() as talk:
        pending = await talk.enter(hello(rooms={ROOM: since}), cut=2)
        assert pending.is_discarded
        assert not pending.activated
        assert talk.take_request() == pending.join  # once more


async def test_client_that_leaves_does_not_join_again(autojump_clock: MockClock) -> None:
    store = await filled(2)
    with Stage(store=store).talk() as talk:
        await talk.say(hello())
        store._rooms[ROOM].epoch = "e2"
        pending = Pending(talk.take_join(), cut=2)
        talk.conversation.admit(pending)
        await talk.say(command("leave", room=ROOM))
        talk.take_request()
        await talk.run_jobs()
        assert pending.is_discarded
        assert not talk.requests_left()


async def test_client_does_not_repeat_a_join_that_the_hub_discarded() -> None:
    store = await filled(2)
    with Stage(store=store).talk() as talk:
        await talk.say(hello())
        store._rooms[ROOM].epoch = "e2"
        pending = Pending(talk.take_join(), cut=2, is_pending=False, is_over=True)
        talk.conversation.admit(pending)
        await talk.run_jobs()
        assert not talk.requests_left()
    with Stage(store=LostStore()).talk() as talk:
        await talk.say(hello())
        talk.conversation.admit(evolve(pending, join=talk.take_join()))
        await talk.run_jobs()
        assert not talk.requests_left()
        assert [frame["type"] for frame in talk.sent()] == ["welcome"]


@pytest.mark.parametrize("is_reading", [False, True])
async def test_client_admitted_again_receives_the_new_history_once(
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    is_reading: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    store = await filled(2)
    read_before = store.read_before
    with Stage(store=store).talk() as talk:
        await talk.say(hello())
        store._rooms[ROOM].epoch = "e2"
        first = Pending(talk.take_join(), cut=2)
        talk.conversation.admit(first)

        def admit_again() -> None:
            first.is_over, first.is_pending = True, False
            talk.conversation.admit(Pending(evolve(first.join, is_renewal=True), 2, "e2"))

        async def replaced_meanwhile(room: str, before: int, limit: int) -> Page:
            monkeypatch.setattr(store, "read_before", read_before)
            admit_again()
            return await read_before(room, before, limit)

        if is_reading:
            monkeypatch.setattr(store, "read_before", replaced_meanwhile)
        else:
            admit_again()
        await talk.run_jobs()
        assert [frame["type"] for frame in talk.sent()] == ["welcome", "joined"]
        assert not talk.requests_left()


@pytest.mark.parametrize("first", [hello(), "ann"])
async def test_client_stays_in_the_room_during_an_outage(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    store = await filled(2)
    async with entered(store, first) as talk:
        monkeypatch.setattr(store, "read_before", LostStore().read_before)
        pending = await renew(talk, "e2")
        assert pending.is_discarded
        assert talk.take_request() == pending.join
        talk.conversation.turn_away(pending.join, store_unavailable())
        await talk.run_jobs()
        assert talk.take_request() == pending.join
        assert talk.sent() == []


async def test_member_joins_again_every_second_during_an_outage(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await filled(2)
    async with entered(store, hello()) as talk:
        monkeypatch.setattr(store, "read_before", LostStore().read_before)
        pending = await renew(talk, "e2")
        talk.take_request()
        for _ in range(3):
            began = trio.current_time()
            talk.conversation.turn_away(pending.join, store_unavailable())
            assert not talk.conversation._joining._is_running
            assert not talk.conversation._joining._joins
            await talk.run_jobs()
            assert talk.take_request() == pending.join
            assert trio.current_time() == began + 1


async def test_client_does_not_wait_for_a_damaged_history(monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(2)
    async with entered(store, hello()) as talk:
        monkeypatch.setattr(store, "read_before", damaged)
        await renew(talk, "e2")
        assert talk.take_request() == LeaveRoom(ROOM, member=talk.conversation)
        (error,) = talk.sent()
        assert (error["type"], error["code"]) == ("error", "internal")
        assert "retryAfterMs" not in error


async def test_page_belongs_to_the_history_that_the_client_knows() -> None:
    store = await filled(2)
    async with entered(store, hello()) as talk:
        store._rooms[ROOM].epoch = "e2"
        await talk.say(command("history", ref="r"))
        await talk.run_jobs()
        (error,) = talk.sent()
        assert (error["code"], error["ref"], error["room"]) == ("unavailable", "r", ROOM)
        await renew(talk, "e2", cut=2)
        await talk.say(command("history"))
        await talk.run_jobs()
        assert [frame["type"] for frame in talk.sent()] == ["joined", "history"]
