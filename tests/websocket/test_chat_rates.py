"""The rates of a user, and the close of a client that ignores refusals."""

import pytest
import trio
from trio.testing import MockClock

from tests.websocket.talk import Stage, Talk, command, hello
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.hub.requests import Publish
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import SetTyping
from trio_chat.protocol.decode import LARGE_CHARS
from trio_chat.settings import Settings

TYPING = '{"type":"typing","isTyping":true}'


def published(talk: Talk) -> list[str]:
    texts = []
    while talk.requests_left():
        request = talk.take_request()
        assert isinstance(request, Publish)
        texts.append(request.text)
    return texts


async def test_21st_message_at_once_is_refused(plain: Talk) -> None:
    await plain.say(*map(str, range(21)))
    assert published(plain) == [*map(str, range(20))]
    (answer,) = plain.sent()
    assert answer["type"] == "system"
    assert answer["message"].startswith("Too many messages; try again in")
    sample = plain.metrics._registry.get_sample_value
    assert sample("trio_chat_refusals_total", {"reason": "rate_limited"}) == 1


async def test_connections_of_a_user_at_an_address_share_the_rate() -> None:
    stage = Stage(settings=Settings(message_burst=3))
    with stage.talk() as one, stage.talk() as other, stage.talk("192.0.2.8") as elsewhere:
        for talk, name in ((one, "Ann"), (other, "ann"), (elsewhere, "ann")):
            await talk.enter(name)
        await one.say("1", "2", "3", "4")
        await other.say("5")
        await elsewhere.say("6")
        assert published(one) == ["1", "2", "3", "6"]


async def test_typing_beyond_its_rate_is_dropped_silently(plain: Talk) -> None:
    await plain.say(*[TYPING] * 50)
    assert plain.requests_left() == 10
    for _ in range(10):
        assert isinstance(plain.take_request(), SetTyping)
    assert plain.sent() == []
    await plain.say("x")
    assert published(plain) == ["x"]


async def test_50_refusals_within_a_minute_close_with_4005(autojump_clock: MockClock) -> None:
    with Stage(settings=Settings(message_rate=0.001, message_burst=1)).talk() as talk:
        await talk.enter()
        await talk.say("passes")
        for _ in range(49):
            await talk.say("refused")
            await trio.sleep(1)
        assert talk.ending() is None
        await talk.say("refused")
        assert talk.ending() is CloseCode.TOO_MUCH
        assert autojump_clock.current_time() == 49
        assert published(talk) == ["passes"]


async def test_50_refusals_in_more_than_a_minute_do_not_close(autojump_clock: MockClock) -> None:
    with Stage(settings=Settings(message_rate=0.001, message_burst=1)).talk() as talk:
        await talk.enter()
        await talk.say("passes")
        for _ in range(100):
            await talk.say("refused")
            talk.sent()
            await trio.sleep(60 / 48.9)
        assert talk.ending() is None
        assert autojump_clock.current_time() > 120


FAULTY = {
    "no JSON": "{",
    "too long a message": command("message", message="x" * 4097),
    "too many parts": '{"x":[' + "{}," * 5000 + "{}]}",
}


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
async def test_invalid_and_too_large_messages_count_as_refusals(faulty: str, talk: Talk) -> None:
    await talk.say(*[faulty] * 49)
    assert talk.ending() is None
    await talk.say(faulty)
    assert talk.ending() is CloseCode.TOO_MUCH


async def test_refusals_of_the_hub_count(talk: Talk) -> None:
    for _ in range(50):
        assert talk.ending() is None
        talk.conversation.refuse(CommandError(ErrorCode.BAD_REQUEST, "no such seq"))
    assert talk.ending() is CloseCode.TOO_MUCH


@pytest.mark.parametrize("code", [ErrorCode.NOT_JOINED, ErrorCode.NOT_FOUND, ErrorCode.UNAVAILABLE])
async def test_unavoidable_refusals_do_not_count(code: ErrorCode, talk: Talk) -> None:
    for _ in range(100):
        talk.conversation.refuse(CommandError(code, "no"))
    assert talk.ending() is None


async def test_refusals_never_close_without_a_rate() -> None:
    with Stage(settings=Settings(message_rate=0)).talk() as talk:
        await talk.enter(hello())
        for faulty in FAULTY.values():
            await talk.say(*[faulty] * 60)
            talk.sent()
        assert talk.ending() is None


PADDING = "x" * LARGE_CHARS

LARGE = {
    "a typing note": command("typing", isTyping=True, x=PADDING),
    "a read mark": command("read", seq=0, x=PADDING),
    "a message elsewhere": command("message", message="x", room="elsewhere", x=PADDING),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE)
async def test_large_message_always_costs_a_token(large: str) -> None:
    with Stage(settings=Settings(message_rate=0.001, message_burst=3)).talk() as talk:
        await talk.enter(hello())
        talk.sent()
        await talk.say(*[large] * 3)
        assert "rate_limited" not in [answer.get("code") for answer in talk.sent()]
        await talk.say(large)
        (answer,) = talk.sent()
        assert answer["code"] == "rate_limited"
        assert answer["retryAfterMs"] > 0


async def test_small_invalid_message_costs_no_token() -> None:
    with Stage(settings=Settings(message_burst=1)).talk() as talk:
        await talk.enter(hello())
        await talk.say(*["{"] * 20, command("message", message="still here"))
        assert published(talk)[-1:] == ["still here"]
