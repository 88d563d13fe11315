"""Rooms of a connection of version 2: joined, resumed, left."""

import json

import pytest
import trio.testing

from tests.websocket.talk import Stage, Talk, command, drafts, filled, hello, seqs
from tests.websocket.wire import FrameReader, texts
from trio_chat.hub.requests import Publish
from trio_chat.protocol.commands import LeaveRoom, ReadMarker, SetTyping
from trio_chat.settings import Settings
from trio_chat.store.memory import MemoryStore


async def test_joined_message_describes_the_room() -> None:
    store = await filled(60)
    await store.append([], [ReadMarker(9, "general", "ann"), ReadMarker(5, "general", "bob")])
    with Stage(store=store).talk() as talk:
        pending = await talk.enter(hello(), cut=58, members=["Bob", "ann", "cat"])
        assert pending.read == {"Bob": 5, "ann": 9}  # so that no older receipt comes behind it
        joined = talk.sent()[1]
        history = joined.pop("history")
        assert [event["seq"] for event in history] == [*range(9, 59)]
        assert joined == {
            "type": "joined",
            "room": "general",
            "epoch": "e1",
            "head": 58,
            "read": 9,
            "users": ["Bob", "ann", "cat"],
            "count": 3,
            "reads": {"Bob": 5},
            "recovered": False,
            "more": True,
        }


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ({"since": 55, "epoch": "e1"}, [56, 57, 58]),
        ({"since": 58, "epoch": "e1"}, []),
        ({"since": 48, "epoch": "e1"}, [*range(49, 59)]),
        ({"since": 47, "epoch": "e1"}, None),  # more than may be resumed
        ({"since": 59, "epoch": "e1"}, None),  # above the head
        ({"since": 55, "epoch": "e0"}, None),
        ({"since": 55}, None),
        ({"epoch": "e1"}, None),
    ],
)
async def test_resume_returns_the_missed_events_or_the_newest(
    since: dict[str, object], expected: list[int] | None
) -> None:
    stage = Stage(store=await filled(60), settings=Settings(resume_size=10, history_size=2))
    with stage.talk() as talk:
        await talk.enter(hello(rooms={"general": since}), cut=58)
        joined = talk.sent()[1]
        assert joined["recovered"] is (expected is not None)
        assert seqs(joined["history"]) == ([57, 58] if expected is None else expected)
        assert joined["more"] is (expected is None)


async def test_resume_over_evicted_events_fails() -> None:
    store = MemoryStore(lambda: "e1", events_per_room=3)
    await store.append(drafts(*range(5)))
    with Stage(store=store).talk() as talk:
        await talk.enter(hello(rooms={"general": {"since": 1, "epoch": "e1"}}), cut=5)
        joined = talk.sent()[1]
        assert joined["recovered"] is False
        assert seqs(joined["history"]) == [3, 4, 5]


async def test_resume_of_more_than_256_kib_fails(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - nobody reads it
) -> None:
    store = MemoryStore(lambda: "e1")
    await store.append(drafts(*["\u4e2d" * 4096] * 40))
    with Stage(store=store).talk() as talk:
        pending = await talk.enter(hello(rooms={"general": {"since": 0, "epoch": "e1"}}), cut=40)
        ((frame,),) = pending.activated  # it is more than the socket takes
        joined = json.loads(texts(FrameReader().feed(frame))[0])
        assert (joined["recovered"], joined["more"]) == (False, True)
        assert 1 < len(joined["history"]) < 40
        assert joined["history"][-1]["seq"] == 40


async def test_join_is_answered_with_its_ref(talk: Talk) -> None:
    await talk.say(command("join", room="dev", since=3, epoch="e1", ref="r1"))
    await talk.be_admitted(cut=3)
    (joined,) = talk.sent()
    assert (joined["room"], joined["ref"], joined["recovered"]) == ("dev", "r1", True)
    await talk.say(command("message", room="dev", message="hi"))
    assert talk.take_request() == Publish(talk.conversation, "dev", "hi")


async def test_join_beyond_the_rate_changes_nothing() -> None:
    stage = Stage(settings=Settings(message_rate=0.001, message_burst=1))
    with stage.talk() as talk:
        await talk.enter(hello())
        await talk.say(command("message", message="one"), command("join", room="dev", ref="r1"))
        await talk.say(command("leave", room="general", ref="r2"))
        assert [
            (frame["code"], frame["ref"], frame["room"], frame["retryAfterMs"] > 0)
            for frame in talk.sent()[2:]
        ] == [("rate_limited", "r1", "dev", True), ("rate_limited", "r2", "general", True)]
        await talk.say(command("typing", isTyping=True), command("typing", isTyping=True, room="b"))
        await talk.say(command("read", seq=1))
        assert talk.take_request() == Publish(talk.conversation, "general", "one")
        assert isinstance(talk.take_request(), SetTyping)
        assert isinstance(talk.take_request(), ReadMarker)
        assert talk.requests_left() == 0


async def test_client_cannot_use_a_room_that_it_left() -> None:
    with Stage().talk() as talk:
        pending = await talk.enter(hello())
        pending.sent = 4
        await talk.say(command("leave", room="general", ref="r1"))
        assert talk.take_request() == LeaveRoom("general", "r1", member=talk.conversation)
        await talk.say(command("message", message="hi", ref="r2"))
        assert (talk.sent()[-1]["code"], talk.requests_left()) == ("not_joined", 0)
        await talk.say(command("leave", room="general", ref="r3"))  # so a page tests its connection
        assert talk.sent()[-1]["ref"] == "r3"
        assert talk.metrics.refusals.labels(reason="not_joined")._value.get() == 1
        (beat,) = texts(FrameReader().feed(talk.conversation.heartbeat()))
        assert json.loads(beat)["heads"] == {}
