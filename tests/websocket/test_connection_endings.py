"""Ends without a closing handshake: the socket closes, and the conversation has left."""

import socket
import ssl
from contextlib import suppress

import pytest
import trio
import trio.testing
from trio_websocket import CloseReason
from websockets.frames import Opcode

from tests.websocket.scene import SMALL_BUFFERS, Notes, Scene, connected
from tests.websocket.wire import Client, close, code_of, frame, loopback_pair, text, upgrade
from trio_chat.context import Context
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import Tick
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Upgrade
from trio_chat.settings import Settings
from trio_chat.websocket.connection import ABNORMAL, Connection
from trio_chat.websocket.timers import TimerWheel
from trio_chat.websocket.transport import SocketTransport

pytestmark = pytest.mark.usefixtures("carrier")


class BugError(Exception):
    """Stands for an error in the server."""


def assert_gone(scene: Scene) -> None:
    assert scene.notes.left >= 1
    assert scene.sock.fileno() == -1


@pytest.mark.parametrize("data", [text("x"), frame(Opcode.BINARY, b"x")], ids=["text", "binary"])
async def test_error_in_the_conversation_surfaces_and_spares_the_hub(data: bytes) -> None:
    async with connected(notes=Notes(failure=BugError())) as scene:
        await scene.client.send(data)
        await scene.ended.wait()
        assert isinstance(scene.failure, ExceptionGroup)
        assert scene.failure.subgroup(BugError) is not None
        assert_gone(scene)
        assert await scene.client.receive_rest() == []
        scene.hub.inbox.send_nowait(Tick())
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert scene.hub.turns == [[Tick()]]  # the hub runs on


async def test_error_in_the_heartbeat_surfaces(autojump_clock: trio.testing.MockClock) -> None:
    class Broken(Notes):
        def heartbeat(self) -> bytes:
            raise BugError

    async with connected(notes=Broken(), pong_timeout_seconds=100) as scene:
        await scene.ended.wait()
        assert isinstance(scene.failure, ExceptionGroup)
        assert autojump_clock.current_time() == 60
        assert_gone(scene)


async def test_late_calls_on_an_ended_connection_do_nothing() -> None:
    async def never() -> None:
        raise BugError

    async with connected() as scene:
        await scene.client.close()
        await scene.wait_ended()
        scene.connection.start_soon(never)
        scene.connection.end(CloseCode.RESTART)
        await trio.testing.wait_all_tasks_blocked()
        assert scene.code == ABNORMAL
        assert scene.sample("drops_total", reason="restart") == 0


async def test_failed_connection_starts_no_task() -> None:
    async def never() -> None:
        raise AssertionError

    gate = trio.Event()
    async with connected(notes=Notes(failure=BugError(), leave_gate=gate)) as scene:
        await scene.client.send(text("x"))
        await scene.notes.gone.wait()
        await trio.testing.wait_all_tasks_blocked()
        scene.connection.start_soon(never)
        gate.set()
        await scene.ended.wait()
        assert isinstance(scene.failure, ExceptionGroup)
        assert scene.failure.subgroup(AssertionError) is None


@pytest.mark.parametrize("is_closing", [False, True])
async def test_cancellation_leaves_and_closes_the_socket_at_once(
    is_closing: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with connected() as scene:
        if is_closing:
            scene.connection.end(CloseCode.GOING_AWAY)
            assert code_of(await scene.client.receive()) == 1001
        scene.scope.cancel()
        await scene.ended.wait()
        assert_gone(scene)
        assert await scene.client.receive_rest() == []


@pytest.mark.parametrize("carrier", ["tls"], indirect=True)
async def test_tls_close_in_the_packet_of_a_message_ends_at_once(
    patient_clock: trio.testing.MockClock,
) -> None:
    async with connected() as scene:
        stream = scene.client.stream
        assert isinstance(stream, trio.SSLStream)
        stream._ssl_object.write(text("last words"))
        with suppress(ssl.SSLWantReadError):
            stream._ssl_object.unwrap()
        await scene.client.tcp.send_all(stream._outgoing.read())
        await scene.notes.gone.wait()
        assert scene.notes.heard == ["last words"]
        assert patient_clock.current_time() < Settings().pong_timeout_seconds


async def run_alone(sock: socket.socket, request: Upgrade) -> tuple[int, Notes]:
    notes = Notes()
    connection = Connection(
        SocketTransport(sock),
        request,
        Context(Settings(), Metrics(), lambda: 0, str),
        Inbox(),
        TimerWheel(),
        frame_rate=0,
    )
    return await connection.run(notes), notes


async def test_client_may_vanish_before_the_upgrade_is_answered() -> None:
    stream, sock = await loopback_pair()
    await Client(stream).reset()
    await trio.lowlevel.wait_readable(sock)
    code, notes = await run_alone(sock, upgrade())
    assert code == ABNORMAL
    assert notes.left >= 1
    assert sock.fileno() == -1


async def test_connection_ended_before_the_upgrade_answers_and_closes() -> None:
    async with connected(answered=False, trailing=text("x")) as scene:
        scene.connection.end(CloseCode.GOING_AWAY)
        assert (await scene.client.receive_head()).startswith(b"HTTP/1.1 101 ")
        assert code_of(await scene.client.receive()) == 1001
        await scene.client.send(close())
        assert await scene.client.receive_rest() == []
        assert scene.notes.heard == []


async def test_no_message_is_handled_after_the_socket_failed(
    patient_clock: trio.testing.MockClock,
) -> None:
    may_leave = trio.Event()
    notes = Notes(leave_gate=may_leave)
    async with connected(notes=notes, **SMALL_BUFFERS) as scene:
        await scene.fill()
        await scene.notes.gone.wait()
        assert patient_clock.current_time() == 10
        await scene.client.send(text("too late"), frame(Opcode.BINARY, b"too late"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        may_leave.set()
        assert await scene.wait_ended() == ABNORMAL
        assert scene.notes.heard == []
        assert scene.sample("drops_total", reason="write_timeout") == 1


async def test_socket_failure_during_the_close_is_no_violation() -> None:
    async with connected() as scene:
        scene.connection.outbox._break()
        rare_frames = scene.connection._open_rare()
        rare_frames._websocket._close_reason = CloseReason(3000, "")
        assert await scene.wait_ended() == 3000
        assert scene.connection._ending is None
