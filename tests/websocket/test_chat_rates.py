"""How fast a user may speak, and what becomes of who does not listen."""

import pytest
import trio
from trio.testing import MockClock

from tests.websocket.talk import Stage, Talk
from trio_chat.errors import Disconnect
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.membership import ChangeTyping, Publish
from trio_chat.settings import Settings

TYPING = '{"type":"typing","isTyping":true}'


def published(talk: Talk) -> list[str]:
    """What has reached the hub since the last call."""
    said = []
    while talk.requests_left():
        request = talk.take_request()
        assert isinstance(request, Publish)
        said.append(request.text)
    return said


async def test_20_messages_pass_at_once_and_the_21st_is_refused() -> None:
    with Stage().talk() as talk:
        await talk.enter()
        talk.sent()
        await talk.say(*map(str, range(21)))
        assert published(talk) == [*map(str, range(20))]
        (answer,) = talk.sent()
        assert answer["type"] == "system"
        assert "too fast" in answer["message"]
        sample = talk.metrics._registry.get_sample_value
        assert sample("trio_chat_refusals_total", {"reason": "rate_limited"}) == 1


async def test_after_that_10_a_second_pass(autojump_clock: MockClock) -> None:
    with Stage().talk() as talk:
        await talk.enter()
        await talk.say(*["x"] * 20)
        published(talk)
        await trio.sleep(0.5)
        await talk.say(*["y"] * 6)
        assert published(talk) == ["y"] * 5
        assert autojump_clock.current_time() == 0.5


async def test_all_connections_of_a_user_at_an_address_share_the_rate() -> None:
    stage = Stage(settings=Settings(message_burst=3))
    with stage.talk() as one, stage.talk() as other, stage.talk("192.0.2.8") as elsewhere:
        for talk, name in ((one, "Ann"), (other, "ann"), (elsewhere, "ann")):
            await talk.enter(name)
        await one.say("1", "2", "3", "4")
        await other.say("5")
        await elsewhere.say("6")
        assert published(one) == ["1", "2", "3", "6"]


async def test_a_rate_of_0_is_no_limit() -> None:
    with Stage(settings=Settings(message_rate=0, message_burst=1)).talk() as talk:
        await talk.enter()
        await talk.say(*["x"] * 200)
        assert published(talk) == ["x"] * 200


async def test_typing_past_its_rate_is_dropped_silently_and_leaves_messages_alone() -> None:
    with Stage().talk() as talk:
        await talk.enter()
        talk.sent()
        await talk.say(*[TYPING] * 50)
        assert talk.requests_left() == 10
        for _ in range(10):
            assert isinstance(talk.take_request(), ChangeTyping)
        assert talk.sent() == []
        await talk.say("x")
        assert published(talk) == ["x"]


async def test_50_refusals_within_a_minute_end_the_connection_with_4005(
    autojump_clock: MockClock,
) -> None:
    with Stage(settings=Settings(message_rate=0.001, message_burst=1)).talk() as talk:
        await talk.enter()
        await talk.say("passes")
        for _ in range(49):
            await talk.say("refused")
            await trio.sleep(1)
        with pytest.raises(Disconnect) as end:
            await talk.say("refused")
        assert end.value.code == CloseCode.TOO_MUCH
        assert autojump_clock.current_time() == 49
        assert published(talk) == ["passes"]


async def test_50_refusals_in_more_than_a_minute_do_not(autojump_clock: MockClock) -> None:
    with Stage(settings=Settings(message_rate=0.001, message_burst=1)).talk() as talk:
        await talk.enter()
        await talk.say("passes")
        for _ in range(100):
            await talk.say("refused")
            talk.sent()
            await trio.sleep(60 / 48.9)
        assert autojump_clock.current_time() > 120


async def test_faulty_messages_are_no_refusals_of_that_kind() -> None:
    with Stage().talk() as talk:
        await talk.enter()
        for _ in range(100):
            await talk.say("{")
            assert talk.sent()
        await talk.say("still here")
        assert published(talk) == ["still here"]
