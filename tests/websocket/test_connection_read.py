"""The reading of a connection by the hub's inbox, and its order."""

import pytest
import trio
import trio.testing
from websockets.frames import Opcode

from tests.websocket.scene import Notes, connected
from tests.websocket.wire import close, code_of, fragments, frame, text
from trio_chat.errors import Disconnect
from trio_chat.hub.requests import Publish
from trio_chat.protocol.close_codes import CloseCode

ASK = Publish(object(), "general", "hi")  # type: ignore[arg-type]


async def test_text_is_counted_and_its_request_reaches_the_hub() -> None:
    async with connected(notes=Notes(asks=ASK)) as scene:
        for number in range(3):
            await scene.client.send(text(str(number)))
            await scene.notes.hear(number + 1)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.notes.heard == ["0", "1", "2"]
        assert scene.hub.turns == [[ASK]] * 3
        assert scene.sample("received_messages_total") == 3
        assert scene.sample("received_bytes_total") == 3 * len(text("0"))


async def test_texts_of_one_packet_share_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 60)  # a busy machine is no matter
    async with connected(notes=Notes(asks=ASK)) as scene:
        await scene.client.send(text("1") + text("x" * 300) + text("3"))
        await scene.notes.hear(3)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns == [[ASK] * 3]


async def test_unusual_frames_keep_their_order() -> None:
    async with connected() as scene:
        await scene.client.send(text("1"))
        await scene.client.send(
            text("x" * 200)
            + frame(Opcode.BINARY, b"b")
            + text("2")
            + fragments(Opcode.TEXT, b"fr", b"ag")
            + text("3")
        )
        await scene.client.send(frame(Opcode.PING, b"p"))
        assert (await scene.client.receive()).opcode is Opcode.PONG
        await scene.client.send(text("4"))
        expected = ["1", "x" * 200, b"b", "2", "frag", "3", "4"]
        assert await scene.notes.hear(7) == expected


async def test_requests_of_the_conversation_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 60)
    own = Publish(object(), "general", "own")  # type: ignore[arg-type]

    def ask() -> None:
        if len(notes.heard) == 1:
            scene.connection.ask(own)

    notes = Notes(asks=ASK, on_hearing=ask)
    async with connected(notes=notes) as scene:
        await scene.client.send(text("1") + text("2"))
        await notes.hear(2)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns == [[ASK, own, ASK]]


async def test_request_of_the_conversation_wakes_the_hub() -> None:
    async with connected() as scene:
        await trio.testing.wait_all_tasks_blocked()
        scene.connection.ask(ASK)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns == [[ASK]]


async def test_ending_connection_sends_no_requests() -> None:
    async with connected() as scene:
        await trio.testing.wait_all_tasks_blocked()
        scene.connection.ask(ASK)
        scene.connection.end(CloseCode.GOING_AWAY)
        scene.connection.ask(ASK)
        assert code_of(await scene.client.receive()) == 1001
        assert scene.hub.turns == []


async def test_connection_holds_while_a_task_runs() -> None:
    gate = trio.Event()
    notes = Notes(gate=gate, on_hearing=lambda: scene.connection.ask(ASK))
    async with connected(notes=notes) as scene:
        await scene.client.send(text("1"))
        await notes.hear(1)
        await scene.client.send(text("2"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (notes.heard, scene.hub.turns) == (["1"], [])
        gate.set()
        await notes.hear(2)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns[0] == [ASK]


async def test_disconnect_in_a_task_closes_with_its_code() -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS)

    async with connected() as scene:
        scene.connection.wait_for(fail)
        assert code_of(await scene.client.receive()) == CloseCode.TOO_MANY_CONNECTIONS
        await scene.client.send(close(CloseCode.TOO_MANY_CONNECTIONS))
        await scene.wait_ended()


async def test_descriptor_is_watched_until_the_end() -> None:
    async with connected() as scene:
        fd = scene.sock.fileno()
        assert fd in scene.hub.inbox._sources
        await scene.client.send(close(1000))
        assert await scene.wait_ended() == 1000
        assert fd not in scene.hub.inbox._sources


async def test_pings_are_answered_during_a_slow_turn() -> None:
    async with connected(notes=Notes(asks=ASK)) as scene:
        scene.hub.may_take = trio.Event()
        await scene.client.send(text("1"))
        await scene.notes.hear(1)
        await scene.client.send(frame(Opcode.PING, b"p"))
        assert (await scene.client.receive()).opcode is Opcode.PONG
        await scene.client.send(text("2"))
        await scene.notes.hear(2)
        await scene.client.send(text("3"))
        await trio.sleep(0.05)
        assert scene.notes.heard == ["1", "2"]
        scene.hub.may_take.set()
        await scene.notes.hear(3)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns == [[ASK]] * 3
