"""The ends of a connection: time limits, the client, a cancellation, a failure; real sockets."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.http.wire import Scene, Socket, get, parse_replies, read_all, upgrade_request
from trio_chat.http.front import HttpFront
from trio_chat.protocol.handshake import Upgrade

Clock = trio.testing.MockClock


@asynccontextmanager
async def serving(front: HttpFront) -> AsyncIterator[trio.abc.HalfCloseableStream]:
    """Yield a client of a front; then check that the front closes its stream."""
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(front.serve, server, Socket())
        yield client
    await assert_closed(server)


async def assert_closed(stream: trio.abc.SendStream) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")


async def read_status(stream: trio.abc.ReceiveStream) -> int:
    (reply,) = parse_replies(bytes(await stream.receive_some()))
    return reply.status


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [(b"", [408]), (b"GET / HT", [408]), (get() + b"GET", [200, 408]), (get(), [200])],
)
async def test_a_late_head_gets_408_and_an_idle_connection_no_answer(
    scene: Scene, sent: bytes, statuses: list[int], autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        if sent:
            await client.send_all(sent)
        replies = parse_replies(await read_all(client))
        assert [reply.status for reply in replies] == statuses
        assert autojump_clock.current_time() == 10
    assert scene.refused == ["request_timeout"] * statuses.count(408)


async def test_a_slow_head_has_the_same_time_limit(scene: Scene, autojump_clock: Clock) -> None:
    async with serving(scene.front(head_timeout_seconds=5)) as client:
        for byte in get():
            await trio.sleep(2)
            if scene.refused:
                break
            await client.send_all(bytes([byte]))
        assert autojump_clock.current_time() == 6
        await client.aclose()


async def test_the_time_limit_of_a_second_head_starts_at_its_first_byte(
    scene: Scene, autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get())
        assert await read_status(client) == 200
        await trio.sleep(9)
        await client.send_all(get()[:5])
        await trio.sleep(9)
        await client.send_all(get()[5:])
        assert await read_status(client) == 200
        assert autojump_clock.current_time() == 18
        await client.aclose()


async def test_the_server_lingers_two_seconds_for_a_silent_client(
    scene: Scene, autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get(b"/", b"Connection: close"))
        await read_all(client)
        assert autojump_clock.current_time() == 0
    assert autojump_clock.current_time() == 2


async def test_the_server_discards_at_most_a_mebibyte(scene: Scene, autojump_clock: Clock) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(b"\x00" + b"x" * (1024 * 1024 + 16 * 1024))
    assert autojump_clock.current_time() == 0


async def test_a_client_that_reads_nothing_is_dropped(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    server.send_stream.send_all_hook = trio.sleep_forever
    await client.send_all(get())
    assert await scene.front(write_timeout_seconds=3).serve(server, Socket()) is None
    assert autojump_clock.current_time() == 3


async def test_the_write_timeout_applies_to_each_piece(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    scene.metrics = bytes(200_000)

    async def take_two_seconds() -> None:
        await trio.sleep(2)
        trio.testing.memory_stream_pump(server.send_stream, client.receive_stream)

    server.send_stream.send_all_hook = take_two_seconds
    await client.send_all(get(b"/metrics", b"Connection: close"))
    await client.send_eof()
    await scene.front(write_timeout_seconds=3).serve(server, Socket())
    (reply,) = parse_replies(await read_all(client))
    assert reply.body == scene.metrics
    assert autojump_clock.current_time() == 8


async def test_a_disconnected_client_raises_no_error(scene: Scene) -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(get())
    await client.receive_stream.aclose()
    with trio.fail_after(5):
        assert await scene.front().serve(server, Socket()) is None


async def test_a_cancellation_closes_the_stream(scene: Scene) -> None:
    _client, server = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await scene.front().serve(server, Socket())
    await assert_closed(server)


async def test_an_exception_of_a_callback_closes_the_stream_and_propagates(scene: Scene) -> None:
    def fail(_upgrade: Upgrade, _token: str | None) -> Upgrade:
        raise ZeroDivisionError

    client, server = trio.testing.memory_stream_pair()
    front = scene.front()
    front._admit = fail
    await client.send_all(upgrade_request())
    with pytest.raises(ZeroDivisionError):
        await front.serve(server, Socket())
    await assert_closed(server)


# --- real sockets --------------------------------------------------------------------------------


async def connect() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Return both ends of a TCP connection, the client's first."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        return client, await listener.accept()


async def test_a_refused_client_that_still_sends_can_read_the_answer(
    scene: Scene, nursery: trio.Nursery
) -> None:
    client, server = await connect()
    nursery.start_soon(scene.front().serve, server, server.socket)
    async with client:
        await client.send_all(b"GET / HTTP/1.1\r\nX: " + b"a" * 900_000)
        (reply,) = parse_replies(await read_all(client))
        assert reply.status == 431


async def test_an_early_reset_raises_no_error(scene: Scene) -> None:
    client, server = await connect()
    reset = struct.pack("ii", 1, 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    await client.aclose()
    await trio.lowlevel.wait_readable(server.socket)
    assert await scene.front().serve(server, server.socket) is None
    assert server.socket.fileno() == -1
