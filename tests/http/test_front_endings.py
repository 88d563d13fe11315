"""The ends of a connection: timeouts, the client, a cancellation, a failure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.http.wire import PEER, Reply, Scene, get, parse_replies, read_all, upgrade_request
from trio_chat.http.front import HttpFront
from trio_chat.protocol.handshake import Upgrade

Clock = trio.testing.MockClock


@asynccontextmanager
async def serving(front: HttpFront) -> AsyncIterator[trio.abc.HalfCloseableStream]:
    """A client whose connection a front serves; leaving waits until the front is done."""
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(front.serve_stream, server, PEER)
        yield client
    with pytest.raises(trio.ClosedResourceError):
        await server.send_all(b"x")


async def read_reply(stream: trio.abc.ReceiveStream) -> Reply:
    (reply,) = parse_replies(bytes(await stream.receive_some()), ["GET"])
    return reply


@pytest.mark.parametrize("sent", [b"", b"GET / HT"])
async def test_a_late_head_gets_408(scene: Scene, sent: bytes, autojump_clock: Clock) -> None:
    async with serving(scene.front()) as client:
        if sent:
            await client.send_all(sent)
        (reply,) = parse_replies(await read_all(client), ["GET"])
        assert autojump_clock.current_time() == 10
        assert reply.status == 408
    assert scene.refused == ["request_timeout"]


async def test_a_slow_head_has_the_same_time_limit(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.front(head_timeout_seconds=5).serve_stream, server, PEER)
        for byte in get():
            await trio.sleep(2)
            if scene.refused:
                break
            await client.send_all(bytes([byte]))
        assert autojump_clock.current_time() == 6
        await client.aclose()


async def test_an_idle_connection_closes_without_an_answer(
    scene: Scene, autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get(b"/healthz"))
        assert (await read_reply(client)).status == 200
        assert await read_all(client) == b""
        assert autojump_clock.current_time() == 10
    assert scene.refused == []


async def test_the_time_limit_of_a_second_head_starts_at_its_first_byte(
    scene: Scene, autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get(b"/healthz"))
        assert (await read_reply(client)).status == 200
        await trio.sleep(9)
        await client.send_all(get(b"/healthz")[:5])
        await trio.sleep(9)
        await client.send_all(get(b"/healthz")[5:])
        assert (await read_reply(client)).status == 200
        assert autojump_clock.current_time() == 18
        await client.aclose()


async def test_an_incomplete_second_head_gets_408(scene: Scene, autojump_clock: Clock) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get(b"/healthz") + b"GET")
        statuses = [reply.status for reply in parse_replies(await read_all(client), ["GET"])]
        assert statuses == [200, 408]
        assert autojump_clock.current_time() == 10


async def test_the_server_lingers_two_seconds_for_a_silent_client(
    scene: Scene, autojump_clock: Clock
) -> None:
    async with serving(scene.front()) as client:
        await client.send_all(get(b"/", b"Connection: close"))
        await read_all(client)
        assert autojump_clock.current_time() == 0
    assert autojump_clock.current_time() == 2


async def test_the_server_discards_at_most_a_mebibyte(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(b"\x00" + b"x" * (1024 * 1024 + 16 * 1024))
    await scene.front().serve_stream(server, PEER)
    assert autojump_clock.current_time() == 0


async def test_a_client_that_reads_nothing_is_dropped(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    server.send_stream.send_all_hook = trio.sleep_forever
    await client.send_all(get())
    assert await scene.front(write_timeout_seconds=3).serve_stream(server, PEER) is None
    assert autojump_clock.current_time() == 3


async def test_the_write_timeout_applies_to_each_piece(scene: Scene, autojump_clock: Clock) -> None:
    client, server = trio.testing.memory_stream_pair()
    front = scene.front()
    big = bytes(200_000)

    async def take_two_seconds() -> None:
        await trio.sleep(2)
        trio.testing.memory_stream_pump(server.send_stream, client.receive_stream)

    server.send_stream.send_all_hook = take_two_seconds
    front._routes._metrics_text = lambda: big
    front._write_timeout_seconds = 3
    await client.send_all(get(b"/metrics", b"Connection: close"))
    await client.send_eof()
    await front.serve_stream(server, PEER)
    (reply,) = parse_replies(await read_all(client), ["GET"])
    assert reply.body == big
    assert autojump_clock.current_time() == 8


async def test_a_disconnected_client_raises_no_error(scene: Scene) -> None:
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(get())
    await client.receive_stream.aclose()
    with trio.fail_after(5):
        assert await scene.front().serve_stream(server, PEER) is None


async def test_a_cancellation_closes_the_stream(scene: Scene) -> None:
    _client, server = trio.testing.memory_stream_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await scene.front().serve_stream(server, PEER)
    with pytest.raises(trio.ClosedResourceError):
        await server.send_all(b"x")


async def test_an_exception_of_a_callback_closes_the_stream_and_propagates(scene: Scene) -> None:
    client, server = trio.testing.memory_stream_pair()
    front = scene.front()
    front._admit = _fail
    await client.send_all(upgrade_request())
    with pytest.raises(ZeroDivisionError):
        await front.serve_stream(server, PEER)
    with pytest.raises(trio.ClosedResourceError):
        await server.send_all(b"x")


def _fail(_upgrade: Upgrade, _token: str | None) -> Upgrade:
    raise ZeroDivisionError
