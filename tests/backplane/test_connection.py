"""The socket to Redis."""

import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.support.certificates import authority, certificate_files
from trio_chat.backplane.address import Address, read_address
from trio_chat.backplane.connection import (
    CONNECT_SECONDS,
    LATE,
    LOST,
    Connection,
    connected,
    reason,
)
from trio_chat.errors import Outage

Ends = tuple[Connection, socket.socket]

LARGE = bytes(range(256)) * 20_000


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connection, and the socket of Redis."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        theirs.settimeout(0)
        yield Connection(ours), theirs


async def read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        await trio.lowlevel.wait_readable(sock)
        data += sock.recv(count)
    return data


async def test_pay_sends_the_bytes_that_the_kernel_refused_in_order(
    ends: Ends, nursery: trio.Nursery
) -> None:
    connection, redis = ends
    nursery.start_soon(connection.send_rest)
    connection.send(LARGE)
    connection.send(b"end")
    assert 0 < connection.unsent_bytes < len(LARGE)
    assert await read(redis, len(LARGE) + 3) == LARGE + b"end"
    assert connection.unsent_bytes == 0


async def test_a_broken_connection_is_an_outage_in_pay(ends: Ends) -> None:
    connection, redis = ends
    redis.close()
    connection.send(b"lost")
    with pytest.raises(Outage, match=LOST):
        await connection.send_rest()


async def test_a_closed_connection_is_an_outage_after_the_last_bytes(ends: Ends) -> None:
    connection, redis = ends
    connection.send(b"one")
    assert (redis.recv(10), connection.unsent_bytes) == (b"one", 0)
    before = connection.has_unread
    redis.send(b"last words")
    assert (before, connection.has_unread) == (False, True)
    redis.close()
    assert await connection.receive() == b"last words"
    with pytest.raises(Outage, match=LOST):
        await connection.receive()


def refused() -> OSError:
    return OSError(errno.ECONNREFUSED, "Connection refused")


def all_refused() -> OSError:
    error = OSError("all attempts to connect to localhost:6379 failed")
    error.__cause__ = ExceptionGroup("two addresses", [refused(), refused()])
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (refused, "Connection refused"),
        (all_refused, "Connection refused"),
        (ConnectionResetError, LOST),
        (ssl.SSLEOFError, LOST),
        (lambda: OSError("odd"), "odd"),
        (OSError, "OSError"),
    ],
)
def test_reason_describes_an_error_in_a_few_words(error: Callable[[], OSError], says: str) -> None:
    assert reason(error()) == says


async def served(
    serve: Callable[[trio.SocketStream], Awaitable[None]], folder: Path, nursery: trio.Nursery
) -> Address:
    """Serve connections; returns the address for a client with TLS."""
    authority().cert_pem.write_to_path(folder / "ca.pem")
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    port = listener.socket.getsockname()[1]
    return read_address(f"rediss://127.0.0.1:{port}?ssl_ca_certs={folder}/ca.pem")


async def test_a_tls_handshake_has_a_time_limit(
    tmp_path: Path, mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    is_closed = trio.Event()

    async def stay_silent(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        mock_clock.jump(CONNECT_SECONDS)
        assert await stream.receive_some() == b""
        is_closed.set()

    address = await served(stay_silent, tmp_path, nursery)
    with pytest.raises(Outage, match=LATE):
        async with connected(address):
            pass
    await is_closed.wait()


async def test_tls_carries_all_bytes_in_order_both_ways(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    files = certificate_files(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.cert, files.key)

    async def echo(stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        data = b""
        while len(data) < len(LARGE) + 3:
            data += await secure.receive_some()
        await secure.send_all(data)
        await secure.aclose()

    address = await served(echo, tmp_path, nursery)
    async with connected(address) as connection, trio.open_nursery() as inner:
        inner.start_soon(connection.send_rest)
        connection.send(LARGE)
        connection.send(b"end")
        data = b""
        while len(data) < len(LARGE) + 3:
            data += await connection.receive()
        assert data == LARGE + b"end"
        inner.cancel_scope.cancel()
