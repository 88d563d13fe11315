"""A connection that rests at a watch: what is dealt with on the spot is dealt with as ever."""

import trio
import trio.testing
from trio.testing import MockClock
from websockets.frames import Opcode

from tests.websocket.scene import Notes, Scene, StubHub, connected
from tests.websocket.wire import close, code_of, frame, text
from trio_chat.errors import Disconnect
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.membership import Publish
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.echo import EchoConversation

ASK = Publish(object(), "general", "hi")  # type: ignore[arg-type]


class NeverWoken(Notes):
    """Notes that have to be taken on the spot."""

    async def on_text(self, text: str) -> None:
        """Fail: it should not have come this way."""
        raise AssertionError(text)


def prompt(*, failure: BaseException | None = None) -> Notes:
    return NeverWoken(takes_at_once=True, failure=failure)


async def said(scene: Scene, count: int) -> None:
    """Send short texts, one in each packet, and wait until they are heard."""
    for number in range(count):
        await scene.client.send(text(str(number)))
        await scene.notes.hear(number + 1)


async def test_a_text_is_heard_counted_and_what_it_asks_reaches_the_hub() -> None:
    hub = StubHub()
    notes = prompt()
    notes.asks = ASK
    async with connected(notes=notes, hub=hub) as scene:
        await said(scene, 3)
        await trio.testing.wait_all_tasks_blocked()
        assert notes.heard == ["0", "1", "2"]
        assert hub.turns == [[ASK]] * 3
        assert scene.sample("messages_in_total") == 3
        assert scene.sample("bytes_in_total") == 3 * len(text("0"))


async def test_a_conversation_that_does_not_take_at_once_hears_it_in_its_own_task() -> None:
    hub = StubHub()
    async with connected(notes=Notes(), hub=hub) as scene:
        await said(scene, 2)
        assert hub.turns == []


async def test_what_is_not_one_short_text_comes_by_the_other_way_in_order() -> None:
    async with connected(notes=Notes(takes_at_once=True), hub=StubHub()) as scene:
        await scene.client.send(text("1"))
        await scene.client.send(text("x" * 200), frame(Opcode.BINARY, b"b"), text("2"))
        await scene.client.send(frame(Opcode.PING, b"p"))
        assert (await scene.client.receive()).opcode is Opcode.PONG
        await scene.client.send(text("3"))
        assert await scene.notes.hear(5) == ["1", "x" * 200, b"b", "2", "3"]


async def test_a_disconnect_ends_it_with_its_code() -> None:
    failure = Disconnect(CloseCode.TOO_MUCH)
    async with connected(notes=prompt(failure=failure), hub=StubHub()) as scene:
        await scene.client.send(text("x"))
        assert code_of(await scene.client.receive()) == 4005
        await scene.client.send(close(4005))
        assert await scene.wait_ended() == 4005


async def test_an_error_in_what_is_said_ends_this_connection_and_not_the_watch() -> None:
    failure = RuntimeError("a bug")
    async with connected(notes=prompt(failure=failure), hub=StubHub()) as scene:
        await scene.client.send(text("x"))
        await scene.ended.wait()
        assert isinstance(scene.failure, ExceptionGroup)
        assert scene.failure.subgroup(lambda one: one is failure) is not None


async def test_frames_over_the_rate_end_it_and_are_not_heard() -> None:
    async with connected(notes=prompt(), hub=StubHub(), frame_rate=0.001, frame_burst=2) as scene:
        await said(scene, 2)
        await scene.client.send(text("too much"))
        assert code_of(await scene.client.receive()) == 4005
        assert len(scene.notes.heard) == 2


async def test_a_text_is_a_sign_of_life(patient_clock: MockClock) -> None:
    async with connected(
        notes=prompt(), hub=StubHub(), pong_timeout_seconds=5, ping_interval_seconds=100
    ) as scene:
        for number in range(4):
            await trio.sleep(4)
            await scene.client.send(text("x"))
            await scene.notes.hear(number + 1)
        assert code_of(await scene.client.receive()) == 4003
        assert patient_clock.current_time() > 16


async def test_the_end_of_a_client_that_rests_is_seen() -> None:
    async with connected(notes=prompt(), hub=StubHub()) as scene:
        await said(scene, 1)
        await scene.client.send(close(1000))
        assert code_of(await scene.client.receive()) == 1000
        assert await scene.wait_ended() == 1000


# --- the echo ------------------------------------------------------------------------------------


def echo(connection: Connection) -> EchoConversation:
    return EchoConversation(connection)


async def test_the_echo_answers_on_the_spot() -> None:
    async with connected(make=echo, hub=StubHub()) as scene:
        for payload in ("a", "", "grüße"):
            await scene.client.send(text(payload))
            assert bytes((await scene.client.receive()).data) == payload.encode()


async def test_while_its_last_message_waits_the_echo_takes_none_on_the_spot() -> None:
    async with connected(make=echo, hub=StubHub(), receive_buffer_bytes=2000) as scene:
        conversation = scene.conversation
        assert conversation.takes_at_once
        await scene.fill(1)
        assert not conversation.takes_at_once
