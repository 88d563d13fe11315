"""The chat of one client: the first message, messages, and leaving."""

import json

import pytest
import trio
import trio.testing
from websockets.frames import Frame

from tests.websocket.talk import ADDRESS, WALL_MS, Stage, Talk, filled, hello, seqs
from tests.websocket.wire import DEFLATE, Deflated, FrameReader, texts
from trio_chat.access.tokens import Identity
from trio_chat.errors import Disconnect
from trio_chat.hub.inbox import INBOX_REQUESTS
from trio_chat.hub.requests import Join, Leave, Publish, Tick
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import SetTyping
from trio_chat.protocol.names import Name
from trio_chat.settings import Settings
from trio_chat.websocket.limits import UserAt


async def test_first_message_joins_the_default_room() -> None:
    with Stage(settings=Settings(default_room="lobby")).talk() as talk:
        await talk.say("  Ann ", "hello")  # the connection reads on while the client joins
        name = Name("Ann", "ann")
        assert talk.take_join() == Join(talk.conversation, "lobby", name, address=ADDRESS)
        assert talk.take_request() == Publish(talk.conversation, "lobby", "hello")
        assert talk.conversation.has_begun


ANN = Identity(Name("Ann", "ann"), ends_at=0)


@pytest.mark.parametrize(
    ("first", "identity", "kind", "message", "code"),
    [
        ("", None, "system", "The name ", 4501),
        ("a" * 33, None, "system", "The name ", 4501),
        ("bob", ANN, "system", "The token is for another name", 4500),
        ("{", None, "error", "", 4501),
        ('{"type":"hello","v":3}', None, "error", "", 4501),
        (hello(rooms={"General": {}}), None, "error", "", 4501),
    ],
)
async def test_refused_first_message_gets_an_answer_and_a_close(
    first: str, identity: Identity | None, kind: str, message: str, code: int
) -> None:
    with Stage().talk(identity=identity) as talk:
        with pytest.raises(Disconnect) as end:
            await talk.say(first)
        (answer,) = talk.sent()
        assert (answer["type"], end.value.code) == (kind, code)
        if kind == "system":
            assert answer["message"].startswith(message)
            assert (answer["room"], answer["ts"]) == ("general", WALL_MS)
            assert not answer.keys() & {"id", "seq"}
            assert end.value.reason == answer["message"]
        else:
            assert answer["code"] == "bad_request"
        reason = "forbidden" if code == 4500 else "bad_request"
        sample = talk.metrics._registry.get_sample_value
        assert sample("trio_chat_refusals_total", {"reason": reason}) == 1
        assert not talk.conversation.has_begun
        assert talk.requests_left() == 0


async def test_connection_beyond_the_limit_of_a_user_is_closed_with_4505() -> None:
    stage = Stage(settings=Settings(max_user_connections=1))
    with stage.talk() as talk:
        await talk.enter("Ann")
    with stage.talk() as talk:
        with pytest.raises(Disconnect) as end:
            await talk.say("ann")
        assert end.value.code == CloseCode.TOO_MANY_CONNECTIONS
        await talk.leave()
        assert talk.requests_left() == 0
    with stage.talk(address="192.0.2.8") as talk:
        await talk.enter("ann")


async def test_joining_client_receives_history_up_to_the_cut() -> None:
    with Stage(store=await filled(60)).talk() as talk:
        pending = await talk.enter(cut=57)
        (history,) = talk.sent()
        assert history["type"] == "history"
        assert seqs(history["history"]) == [*range(8, 58)]
        assert history["more"] is True
        assert len(pending.activated) == 1


async def test_history_is_compressed_if_the_client_supports_it() -> None:
    stage = Stage(store=await filled(20))
    with stage.talk() as plain, stage.talk(deflate=DEFLATE) as deflated:
        await plain.enter(cut=20)
        await deflated.enter(cut=20)
        (as_it_is,), (compressed,) = plain.frames(), deflated.frames()
        assert (type(as_it_is), type(compressed)) == (Frame, Deflated)
        assert compressed.data == as_it_is.data


async def test_empty_room_sends_no_history_and_releases_the_client() -> None:
    with Stage().talk() as talk:
        pending = await talk.enter()
        assert pending.activated == [[]]
        assert talk.sent() == []


async def test_texts_and_typing_reach_the_hub(plain: Talk) -> None:
    await plain.say("hello ", '{"message":"hi"}', '{"type":"typing","isTyping":true}')
    member = plain.conversation
    assert [plain.take_request() for _ in range(3)] == [
        Publish(member, "general", "hello"),
        Publish(member, "general", "hi"),
        SetTyping(is_typing=True, room="general", member=member),
    ]


FAULTY = {
    "{": "bad_request",
    '{"message":"x","room":"elsewhere"}': "not_joined",
    "a" * 4097: "too_large",
}


@pytest.mark.parametrize(("message", "code"), FAULTY.items())
async def test_invalid_message_gets_a_system_message_and_the_connection_continues(
    message: str,
    code: str,
    plain: Talk,
) -> None:
    await plain.say(message)
    (answer,) = plain.sent()
    assert (answer["type"], answer["room"]) == ("system", "general")
    assert not answer.keys() & {"id", "seq", "code"}
    assert plain.requests_left() == 0
    sample = plain.metrics._registry.get_sample_value
    assert sample("trio_chat_refusals_total", {"reason": code}) == 1
    await plain.say("fine")
    assert plain.take_request() == Publish(plain.conversation, "general", "fine")


async def test_binary_message_closes_with_1003() -> None:
    with Stage().talk() as talk:
        with pytest.raises(Disconnect) as end:
            talk.conversation.take_binary(b"x")
        assert end.value.code == CloseCode.UNSUPPORTED_DATA


async def test_heartbeat_has_the_time() -> None:
    with Stage().talk() as talk:
        (text,) = texts(FrameReader().feed(talk.conversation.heartbeat()))
        assert json.loads(text) == {"type": "heartbeat", "time": WALL_MS}


async def test_limits_of_a_user_with_a_token_ignore_the_address() -> None:
    stage = Stage(settings=Settings(max_user_connections=2, message_rate=0.001, message_burst=1))
    with stage.talk("192.0.2.7", ANN) as one, stage.talk("192.0.2.8", ANN) as two:
        await one.enter("")
        await two.enter("")
        await one.say("hello")
        await two.say("hello")
        assert one.take_request() == Publish(one.conversation, "general", "hello")
        assert one.requests_left() == 0
        with stage.talk("192.0.2.9", ANN) as three:
            with pytest.raises(Disconnect) as end:
                await three.say("")
            assert end.value.code == CloseCode.TOO_MANY_CONNECTIONS


async def test_client_that_ends_while_other_nodes_are_asked_does_not_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(settings=Settings(max_user_connections=1))
    with stage.talk() as one, stage.talk() as two:
        await one.enter("ann")

        async def recount(_: UserAt) -> None:
            await two.conversation.leave(CloseCode.NORMAL)

        monkeypatch.setattr(stage.limits, "recount", recount)
        await two.say("ann")
        assert two.requests_left() == 0
        assert not two.conversation.has_begun


async def test_second_leave_does_nothing(plain: Talk) -> None:
    await plain.leave()
    await plain.leave()
    assert plain.take_request() == Leave(plain.conversation)
    assert plain.requests_left() == 0


@pytest.mark.parametrize("first", ["ann", hello()])
async def test_client_that_left_before_its_admission_receives_nothing(first: str) -> None:
    with Stage(store=await filled(3)).talk() as talk:
        await talk.say(first)
        await talk.leave()
        talk.sent()
        pending = await talk.be_admitted(cut=3)
        assert pending.activated == []
        assert talk.sent() == []
        assert not talk.conversation._joining._subscriptions


async def test_cancelled_leave_is_repeated() -> None:
    stage = Stage(settings=Settings(max_user_connections=1))
    with stage.talk() as talk:
        await talk.enter()
        for _ in range(INBOX_REQUESTS):
            stage.inbox.send_nowait(Tick())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.leave)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert [talk.take_request() for _ in range(INBOX_REQUESTS)] == [Tick()] * INBOX_REQUESTS
        assert talk.requests_left() == 0
        await talk.leave()
        assert talk.take_request() == Leave(talk.conversation)
    with stage.talk() as talk:
        await talk.enter()


async def test_leaving_an_ended_hub_is_no_error() -> None:
    stage = Stage(settings=Settings(max_user_connections=1))
    with stage.talk() as talk:
        await talk.enter()
        await talk.requests.aclose()
        await talk.leave()
    assert not stage.limits._connections
