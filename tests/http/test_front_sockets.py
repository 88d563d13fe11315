"""The front over real sockets."""

import socket
import struct

import trio

from tests.http.wire import Scene, parse_replies, read_all, upgrade_request


async def connect() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Return both ends of a TCP connection, the client's first."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        return client, await listener.accept()


async def test_the_address_of_a_real_socket_is_reported(scene: Scene) -> None:
    client, server = await connect()
    async with client, server:
        await client.send_all(upgrade_request())
        await scene.front().serve(server, server.socket)
        port = client.socket.getsockname()[1]
    (upgrade,) = scene.admitted
    assert (upgrade.address, upgrade.peer) == ("127.0.0.1", f"127.0.0.1:{port}")


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
