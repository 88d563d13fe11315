"""TLS on an accepted socket, against trio's own and the standard library's."""

import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from tests.certificates import authority, client_context
from tests.tls.context import server_context
from trio_chat.tls.stream import TlsStream

TIMEOUT_SECONDS = 20

Client = trio.SSLStream[trio.SocketStream]


@asynccontextmanager
async def ends(
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Client, TlsStream]]:
    """A client and our end, before the handshake."""
    theirs, ours = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    tcp = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    client = trio.SSLStream(tcp, context or client_context(), server_hostname="localhost")
    with trio.fail_after(TIMEOUT_SECONDS), ours:
        async with tcp:
            yield client, TlsStream(ours, server_context())


async def shake_hands(client: Client, server: TlsStream) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.send_all, b"")


async def test_it_sends_and_receives_both_ways_at_once() -> None:
    data = bytes(range(256)) * 4000
    async with ends() as (client, server):

        async def receive(stream: trio.abc.ReceiveStream) -> None:
            received = b""
            while len(received) < len(data):
                received += await stream.receive_some()
            assert received == data

        async with trio.open_nursery() as nursery:
            for end in (client, server):
                nursery.start_soon(end.send_all, data)
                nursery.start_soon(receive, end)


async def test_http_1_1_is_what_is_agreed_upon_if_the_client_names_protocols() -> None:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with ends(context) as (client, server):
        await shake_hands(client, server)
        assert client.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_are_spoken_without_compression(version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.minimum_version = context.maximum_version = version
    async with ends(context) as (client, server):
        await shake_hands(client, server)
        assert client.version() == version.name.replace("_", ".")
        assert client.compression() is None


@pytest.mark.parametrize(
    "words", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05garbage", bytes(100)]
)
async def test_what_is_no_tls_is_a_broken_stream(words: bytes) -> None:
    async with ends() as (client, server):
        await client.transport_stream.send_all(words)
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
        await trio.aclose_forcefully(server)


async def test_an_end_without_a_word_of_tls_is_an_end_and_the_answer_can_still_be_sent() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        await client.transport_stream.send_eof()
        assert await server.receive_some() == b""
        await server.send_all(b"goodbye")
        assert await client.receive_some() == b"goodbye"


async def test_a_reset_is_a_broken_stream() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        await server.send_all(b"never read, so the peer's end is a reset")
        client.transport_stream.socket.close()
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(b"x")


async def test_after_its_end_the_client_hears_of_it_and_the_rest_is_thrown_away() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        await server.send_all(b"last words")
        await server.send_eof()
        assert await client.receive_some() == b"last words"
        assert await client.receive_some() == b""  # close_notify, or this would have raised
        assert await client.transport_stream.receive_some() == b""  # and by TCP
        await client.send_all(b"too late")
        assert b"too late" not in await server.receive_some()
        await client.transport_stream.send_eof()
        while await server.receive_some():
            pass
        await server.aclose()
        assert server.socket.fileno() == -1


async def test_closing_says_goodbye_and_waits_for_no_answer() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        await server.aclose()
        assert server.socket.fileno() == -1
        assert await client.receive_some() == b""
        await server.aclose()


async def test_closing_wakes_whoever_receives() -> None:
    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await server.receive_some()

    async with ends() as (client, server):
        await shake_hands(client, server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked()
            await server.aclose()


async def test_closing_can_be_cancelled_while_the_client_reads_nothing() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with suppress(BlockingIOError):
            while True:
                server.socket.send(bytes(10_000))
        with trio.move_on_after(0.01) as scope:
            await server.aclose()
        assert scope.cancelled_caught
        assert server.socket.fileno() == -1


async def test_a_handshake_that_never_ends_can_be_cancelled_and_the_stream_closed() -> None:
    async with ends() as (_, server):
        with trio.move_on_after(0.01) as scope:
            await server.receive_some()
        assert scope.cancelled_caught
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(b"x")
        await server.aclose()
        assert server.socket.fileno() == -1


async def test_room_is_waited_for() -> None:
    async with ends() as (client, server):
        await shake_hands(client, server)
        await server.wait_send_all_might_not_block()
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.wait_send_all_might_not_block()
        assert scope.cancelled_caught


async def test_a_reset_before_anything_was_said_is_a_broken_stream() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    accepted.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    server = TlsStream(accepted, server_context())
    with trio.fail_after(TIMEOUT_SECONDS), pytest.raises(trio.BrokenResourceError):
        await server.receive_some()
    await trio.aclose_forcefully(server)
    assert server.socket.fileno() == -1
