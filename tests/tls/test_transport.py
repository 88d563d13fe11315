"""TLS on an accepted socket: the calls that wait. ``test_socket.py`` tests the others."""

import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from tests.support.certificates import authority, client_context
from tests.tls.peer import TlsPeer, server_context
from tests.websocket.wire import loopback_pair
from trio_chat.errors import Owed
from trio_chat.tls.socket import PIECE_BYTES
from trio_chat.tls.transport import TlsTransport

TIMEOUT_SECONDS = 20

Client = trio.SSLStream[trio.SocketStream]


@asynccontextmanager
async def ends(
    context: ssl.SSLContext | None = None, *, are_ready: bool = True
) -> AsyncIterator[tuple[Client, TlsTransport]]:
    """Yield a client and our end, after the handshake or before it."""
    theirs, ours = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    tcp = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    client = trio.SSLStream(tcp, context or client_context(), server_hostname="localhost")
    server = TlsTransport(ours, server_context(), trio.lowlevel.checkpoint)
    with trio.fail_after(TIMEOUT_SECONDS), ours:
        async with tcp:
            if are_ready:
                await shake_hands(client, server)
            yield client, server


async def shake_hands(client: Client, server: TlsTransport) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.do_handshake)


@asynccontextmanager
async def by_hand(
    wait_for_turn: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    *,
    are_ready: bool = True,
) -> AsyncIterator[tuple[TlsPeer, TlsTransport]]:
    """Yield a client driven by hand and our end, after the handshake or before it."""
    theirs, ours = socket.socketpair()
    with ours, theirs, trio.fail_after(TIMEOUT_SECONDS):
        for end in (ours, theirs):
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        peer, server = TlsPeer(theirs), TlsTransport(ours, server_context(), wait_for_turn)
        if are_ready:
            await greet(peer, server)
        yield peer, server


async def greet(peer: TlsPeer, server: TlsTransport) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        while not peer.shake_hands():
            await trio.lowlevel.checkpoint()


async def until_over(peer: TlsPeer, is_over: Callable[[], bool]) -> bytes:
    """Return all bytes that a peer receives until a condition holds."""
    received = b""
    while not is_over():
        await trio.lowlevel.checkpoint()
        with suppress(BlockingIOError):
            received += peer.recv()
    with suppress(BlockingIOError, OSError):
        received += peer.recv()
    return received


def fill(server: TlsTransport) -> None:
    """Send until the socket accepts nothing more."""
    server.limit_send_buffer(1)
    with suppress(BlockingIOError):
        while True:
            server.socket.send(bytes(10_000))


async def test_it_sends_and_receives_both_ways_at_once() -> None:
    data = bytes(range(256)) * 4000

    async def receive(stream: trio.abc.ReceiveStream) -> None:
        received = b""
        while len(received) < len(data):
            received += await stream.receive_some()
        assert received == data

    async with ends() as pair, trio.open_nursery() as nursery:
        for end in pair:
            nursery.start_soon(end.send_all, data)
            nursery.start_soon(receive, end)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_tls_versions_work_without_compression_and_select_http_1_1(
    version: ssl.TLSVersion,
) -> None:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with ends(context) as (client, _):
        assert client.version() == version.name.replace("_", ".")
        assert client.compression() is None
        assert client.selected_alpn_protocol() == "http/1.1"


async def test_bytes_that_are_not_tls_break_the_stream() -> None:
    async with ends(are_ready=False) as (client, server):
        await client.transport_stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
        await trio.aclose_forcefully(server)


async def test_the_handshake_waits_for_a_client_that_reads_nothing() -> None:
    async with by_hand(are_ready=False) as (peer, server):
        peer.shake_hands()  # sends the first message
        fill(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            assert not server.sender.pay()
            nursery.cancel_scope.cancel()


async def test_each_step_of_a_handshake_waits_for_its_turn() -> None:
    gates = [trio.Event(), trio.Event()]
    waiting: list[trio.Event] = []

    async def wait() -> None:
        waiting.append(gates[len(waiting)])
        await waiting[-1].wait()

    async with by_hand(wait, are_ready=False) as (peer, server), trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await trio.testing.wait_all_tasks_blocked()
        assert not waiting  # a silent client needs no turn
        for number, gate in enumerate(gates):
            assert peer.shake_hands() is (number == 1)
            await trio.testing.wait_all_tasks_blocked()
            assert len(waiting) == number + 1
            gate.set()
            await trio.testing.wait_all_tasks_blocked()


async def test_the_last_handshake_message_is_acknowledged_at_once() -> None:
    # The kernel would wait 40 ms, and a client without TCP_NODELAY requests nothing before.
    client, sock = await loopback_pair()
    async with client:
        server = TlsTransport(sock, server_context(), trio.lowlevel.checkpoint)
        peer = TlsPeer(socket.socket(fileno=os.dup(client.socket.fileno())))
        peer.sock.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        with trio.fail_after(TIMEOUT_SECONDS):
            await greet(peer, server)
        info = peer.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        assert struct.unpack_from("I", info, 24) == (0,)  # tcpi_unacked
        peer.close()
        await server.aclose()


async def test_a_cancelled_handshake_can_continue() -> None:
    async with ends(are_ready=False) as (client, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.receive_some()
        await shake_hands(client, server)


async def test_nothing_can_be_sent_before_the_handshake() -> None:
    async with ends(are_ready=False) as (_, server):
        with pytest.raises(trio.BrokenResourceError):
            await server.send_all(b"x")


async def test_a_tcp_end_without_close_notify_allows_an_answer() -> None:
    async with ends() as (client, server):
        await client.transport_stream.send_eof()
        assert await server.receive_some() == b""
        await server.send_all(b"goodbye")
        assert await client.receive_some() == b"goodbye"


async def test_a_reset_ends_receive_and_breaks_send() -> None:
    async with ends() as (client, server):
        await server.send_all(b"unread, so the peer's close is a reset")
        client.transport_stream.socket.close()
        assert await server.receive_some() == b""
        for send in (server.send_all(b"x"), server.send_eof()):
            with pytest.raises(trio.BrokenResourceError):
                await send


async def test_send_eof_notifies_the_client_and_discards_the_rest() -> None:
    async with ends() as (client, server):
        await server.send_all(b"last words")
        await server.send_eof()
        assert await client.receive_some() == b"last words"
        assert await client.receive_some() == b""  # raises without a close_notify
        assert await client.transport_stream.receive_some() == b""  # and by TCP
        await client.send_all(b"too late")
        assert b"too late" not in await server.receive_some()
        await client.transport_stream.send_eof()
        while await server.receive_some():
            pass


async def test_a_reset_after_send_eof_is_an_end() -> None:
    async with ends() as (client, server):
        await server.send_all(b"unread, so the peer's close is a reset")
        await server.send_eof()
        client.transport_stream.socket.close()
        assert await server.receive_some() == b""


async def test_wait_send_all_is_a_checkpoint_without_owed_bytes() -> None:
    async with ends() as (_, server):
        await server.wait_send_all_might_not_block()
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.wait_send_all_might_not_block()
        assert scope.cancelled_caught


async def test_close_sends_close_notify_without_waiting() -> None:
    async with ends() as (client, server):
        await server.aclose()
        assert server.socket.fileno() == -1
        assert await client.receive_some() == b""
        await server.aclose()


async def test_a_reset_sends_no_close_notify() -> None:
    async with ends() as (client, server):
        await server.aclose(reset=True)
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_close_wakes_a_receiver() -> None:
    async with ends() as (_, server):
        with pytest.RaisesGroup(trio.ClosedResourceError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.receive_some)
                await trio.testing.wait_all_tasks_blocked()
                await server.aclose()


async def test_close_does_not_wait_for_room() -> None:
    async with ends() as (_, server):
        fill(server)
        await server.aclose()
        assert server.socket.fileno() == -1


async def test_an_early_reset_breaks_the_stream() -> None:
    client, sock = await loopback_pair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()
    server = TlsTransport(sock, server_context(), trio.lowlevel.checkpoint)
    with trio.fail_after(TIMEOUT_SECONDS), pytest.raises(trio.BrokenResourceError):
        await server.receive_some()
    await trio.aclose_forcefully(server)
    assert server.socket.fileno() == -1


async def test_the_transport_reports_descriptor_and_pending_bytes() -> None:
    async with by_hand() as (peer, server):
        assert server.fileno() == server.socket.fileno()
        with pytest.raises(BlockingIOError):
            server.receive(99)
        peer.send(b"one", b"two")
        assert (server.receive(99), server.has_pending) == (b"onetwo", False)
        peer.send(b"three")
        assert (await server.receive_some(1), server.has_pending) == (b"t", True)
        assert server.receive(99) == b"hree"


async def test_write_joins_parts_and_splits_a_large_one() -> None:
    async with by_hand() as (peer, server):
        server.limit_send_buffer(1 << 20)
        assert await server.write([b"one", memoryview(b"two")]) == 6
        assert peer.recv() == b"onetwo"
        large = bytes(range(256)) * 300
        sent = await server.write([b"one", large])
        assert 3 < sent < len(large)
        assert peer.recv() == (b"one" + large)[:sent]


@asynccontextmanager
async def owing() -> AsyncIterator[tuple[TlsPeer, TlsTransport]]:
    """Yield a ready pair whose server owes a part of its only piece."""
    async with by_hand() as (peer, server):
        server.limit_send_buffer(1)
        with pytest.raises(Owed):
            await server.write([b"x" * PIECE_BYTES])
        yield peer, server


async def test_write_sends_only_owed_bytes_first() -> None:
    sent: list[int] = []

    async def write() -> None:
        sent.append(await server.write([b"later"]))

    async with owing() as (peer, server), trio.open_nursery() as nursery:
        nursery.start_soon(write)
        received = await until_over(peer, lambda: bool(sent))
        assert sent == [0]
        assert received == b"x" * PIECE_BYTES


async def test_the_rest_and_close_notify_follow_a_partial_write() -> None:
    async with owing() as (peer, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.write([b"later"])
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.linger)
            assert await until_over(peer, lambda: peer.is_over) == b"x" * PIECE_BYTES
            peer.close()


async def test_linger_sleeps_despite_buffered_records() -> None:
    steps: list[str] = []

    class Steps(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            steps.append(task.name)

    async with by_hand() as (peer, server), trio.open_nursery() as nursery:
        peer.send(b"one", b"two", b"three")
        assert await server.receive_some(3) == b"one"
        trio.lowlevel.add_instrument(Steps())
        nursery.start_soon(server.linger, name="linger")
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        assert steps.count("linger") == 1
        peer.close()
