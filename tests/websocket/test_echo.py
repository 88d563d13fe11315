"""The echo, on a connection like any other."""

import trio.testing
from trio.testing import MockClock
from websockets.frames import Frame, Opcode

from tests.websocket.scene import SMALL_BUFFERS, connected
from tests.websocket.wire import DEFLATE, Deflated, fragments, frame, text
from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES
from trio_chat.websocket.connection import Connection
from trio_chat.websocket.echo import Echo


def echo(connection: Connection) -> Echo:
    return Echo(connection)


async def test_echo_returns_each_message() -> None:
    async with connected(make=echo) as scene:
        await scene.client.send(
            text("grüße"), text(""), frame(Opcode.BINARY, b"\xff\x00"), text("x" * 65_000)
        )
        await scene.client.send(fragments(Opcode.TEXT, b"{", b"}"), fragments(Opcode.BINARY, b"z"))
        answers = [await scene.client.receive() for _ in range(6)]
        assert [(one.opcode, bytes(one.data)) for one in answers] == [
            (Opcode.TEXT, "grüße".encode()),
            (Opcode.TEXT, b""),
            (Opcode.BINARY, b"\xff\x00"),
            (Opcode.TEXT, b"x" * 65_000),
            (Opcode.TEXT, b"{}"),
            (Opcode.BINARY, b"z"),
        ]


async def test_echo_compresses_large_messages() -> None:
    async with connected(make=echo, deflate=DEFLATE) as scene:
        large = b"x" * MIN_DEFLATED_BYTES
        await scene.client.send(text(large), frame(Opcode.BINARY, large), text(large[1:]))
        answers = [await scene.client.receive() for _ in range(3)]
        assert [(type(one), one.opcode, bytes(one.data)) for one in answers] == [
            (Deflated, Opcode.TEXT, large),
            (Deflated, Opcode.BINARY, large),
            (Frame, Opcode.TEXT, large[1:]),
        ]


async def test_echo_needs_no_first_message_and_sends_no_heartbeat(patient_clock: MockClock) -> None:
    async with connected(make=echo) as scene:
        kinds = set()
        while patient_clock.current_time() < 80:
            kinds.add((await scene.client.receive()).opcode)
            await trio.sleep(25)
        assert kinds == {Opcode.PING}


async def test_echo_stops_reading_a_client_that_does_not_read() -> None:
    async with connected(make=echo, **SMALL_BUFFERS) as scene:
        outbox = scene.connection.outbox
        deepest = 0

        async def send_much() -> None:
            for number in range(300):
                await scene.client.send(text(f"{number:1000}"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_much)
            await trio.testing.wait_all_tasks_blocked(0.05)
            for number in range(300):
                deepest = max(deepest, outbox.waiting_frames)
                assert int((await scene.client.receive()).data) == number
        assert deepest == 1


async def test_broken_socket_is_no_error_of_the_echo() -> None:
    async with connected(make=echo) as scene:
        await trio.testing.wait_all_tasks_blocked()
        scene.connection.outbox._break()
        scene.conversation.take("one", 0)
        await scene.ended.wait()
        assert scene.failure is None
