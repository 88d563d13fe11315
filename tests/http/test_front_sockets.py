"""The front over real sockets."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.http.wire import Scene, parse_replies, read_all, upgrade_request
from trio_chat.http.front import HttpFront


@asynccontextmanager
async def loopback(front: HttpFront) -> AsyncIterator[trio.SocketStream]:
    """A client whose real socket a front serves; leaving waits until the front is done."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        server = await listener.accept()
    with trio.fail_after(20):
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(front.serve, server, server.socket)
            yield client
    await server.aclose()


async def test_the_address_of_a_real_socket_is_reported(scene: Scene) -> None:
    async with loopback(scene.front()) as client:
        port = client.socket.getsockname()[1]
        await client.send_all(upgrade_request())
    (upgrade,) = scene.admitted
    assert (upgrade.address, upgrade.peer) == ("127.0.0.1", f"127.0.0.1:{port}")


async def test_a_refused_client_that_still_sends_can_read_the_answer(
    scene: Scene,
) -> None:
    async with loopback(scene.front()) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nX: " + b"a" * 900_000)
        (reply,) = parse_replies(await read_all(client), ["GET"])
        assert reply.status == 431
        await client.send_eof()


async def test_an_early_reset_raises_no_error(
    scene: Scene,
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        server = await listener.accept()
    reset = struct.pack("ii", 1, 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    await client.aclose()
    await trio.lowlevel.wait_readable(server.socket)
    assert await scene.front().serve(server, server.socket) is None
    assert server.socket.fileno() == -1
