"""One connection to the server: connects, upgrades, and runs a `ClientProtocol` on it."""

import math
import ssl
from collections.abc import Callable
from socket import EAI_NONAME, gaierror
from typing import Final, cast

import h11
import orjson
import trio
from attrs import evolve
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import ProtocolError

from trio_chat.client.address import Address
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.errors import WireError
from trio_chat.client.retry import Ending, closed, refused

OPENING_SECONDS: Final = 10.0
"""Maximum time of connection, TLS and upgrade together, and then of joining the rooms."""

QUIET_SECONDS: Final = 45.0
"""Silence after which the client pings the server; after as much again, the connection is dead.

The server sends a heartbeat each minute, but that is a setting."""

CLOSING_SECONDS: Final = 5.0
"""Maximum time of a close: the server waits as long for ours."""

# By default trio_websocket receives 4 KiB at once; a `joined` may have 256 KiB.
_RECEIVE_BYTES: Final = 64 * 1024

# The code of a connection without a close frame (RFC 6455, section 7.1.5).
_ABNORMAL: Final = 1006

# OpenSSL's names for bytes that are no TLS record; they depend on its version.
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})

_SILENCE: Final = Ending("The server gives no sign of life")


class Connection:
    """One connection.

    Args:
        client_protocol: The protocol to run.
        work: The writer waits here: unpark it after each call of the protocol.
        on_message: Called after each message of the server.
    """

    def __init__(
        self,
        client_protocol: ClientProtocol,
        work: trio.lowlevel.ParkingLot,
        on_message: Callable[[], None],
    ) -> None:
        self._protocol = client_protocol
        self._work = work
        self._on_message = on_message
        self._received_at = 0.0
        self._ready_at = math.inf

    async def run(self, address: Address, token: str | None) -> Ending:
        """Connect, and run until the end of the connection, which a cancellation cuts."""
        ending = _SILENCE
        try:
            async with trio.open_nursery() as nursery:
                ending = await self._run_in(nursery, address, token)
                nursery.cancel_scope.cancel()
        except* ConnectionRejected as rejections:
            ending = _refused(rejections)
        except* trio.TooSlowError:
            ending = Ending("The server does not answer")
        except* UnicodeError as failures:
            reason = f"{address.host!r} is not the name of a host: {failures.exceptions[0]}"
            ending = Ending(reason, is_mistake=True)
        except* trio.BrokenResourceError as failures:
            ending = _without_tls(failures)
        except* (OSError, HandshakeError, ProtocolError, h11.ProtocolError) as failures:
            # wsproto raises h11's error for an answer that is not HTTP.
            ending = _unreachable(failures, address)
        return evolve(ending, lasted_seconds=max(0.0, trio.current_time() - self._ready_at))

    async def _run_in(self, nursery: trio.Nursery, address: Address, token: str | None) -> Ending:
        with trio.fail_after(OPENING_SECONDS):
            stream = await _dial(address)
        try:
            with trio.fail_after(OPENING_SECONDS):
                socket = await _upgrade(nursery, stream, address, token)
            return await self._talk(socket)
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(self, socket: WebSocketConnection) -> Ending:
        ending = _SILENCE
        self._protocol.connected()
        self._received_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, socket)
            nursery.start_soon(self._watch, socket, nursery.cancel_scope)
            ending = await self._read(socket)
            nursery.cancel_scope.cancel()
        return ending

    async def _read(self, socket: WebSocketConnection) -> Ending:
        try:
            while True:
                text = await socket.get_message()
                self._received_at = trio.current_time()
                if isinstance(text, str):
                    self._protocol.receive(text, self._received_at)
                if self._ready_at == math.inf and self._protocol.is_ready:
                    self._ready_at = self._received_at
                self._on_message()
        except WireError as error:
            return Ending(str(error), is_mistake=error.is_mistake)
        except ConnectionClosed as end:
            is_restart = self._protocol.is_restarting
            if end.reason is None:
                return closed(_ABNORMAL, None, is_restart=is_restart)
            return closed(end.reason.code, end.reason.reason, is_restart=is_restart)

    async def _write(self, socket: WebSocketConnection) -> None:
        try:
            while True:
                # A call during the send wakes no writer, so look again.
                while texts := self._protocol.outgoing(trio.current_time()):
                    for text in texts:
                        await socket.send_message(text)
                if self._protocol.is_leaving:
                    await socket.aclose()
                    return
                with trio.move_on_at(self._protocol.due()):
                    await self._work.park()
        except ConnectionClosed:
            pass  # the reader raises it too, with its reason

    async def _watch(self, socket: WebSocketConnection, talk: trio.CancelScope) -> None:
        """End the connection after a long silence."""
        await trio.sleep(OPENING_SECONDS)
        try:
            while self._ready_at < math.inf:
                await trio.sleep_until(self._received_at + QUIET_SECONDS)
                if trio.current_time() < self._received_at + QUIET_SECONDS:
                    continue
                with trio.move_on_after(QUIET_SECONDS):
                    await socket.ping()
                    self._received_at = trio.current_time()
                if trio.current_time() >= self._received_at + 2 * QUIET_SECONDS:
                    break
        except ConnectionClosed:
            return  # the reader raises it too, with its reason
        talk.cancel()


class _Opening(trio.abc.Stream):
    """A stream that raises when it ends before the upgrade; trio_websocket would wait forever.

    Args:
        stream: The real stream.

    Attributes:
        is_open: The upgrade is done.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.is_open = False
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; see `trio.abc.ReceiveStream`."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            if self.is_open:
                raise
            raise HandshakeError(str(error)) from error
        if not data and not self.is_open:
            raise HandshakeError("it has hung up")
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; see `trio.abc.SendStream`."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait; see `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close; see `trio.abc.AsyncResource`."""
        await self._stream.aclose()


async def _dial(address: Address) -> trio.abc.Stream:
    """Connect over TCP, with TLS if the address asks for it.

    Raises:
        OSError: The connection failed.
        trio.BrokenResourceError: The TLS handshake failed; the cause says why.
    """
    tcp = await trio.open_tcp_stream(address.host, address.port)
    if address.ssl_context is None:
        return tcp
    tls = trio.SSLStream(
        tcp, address.ssl_context, server_hostname=address.host, https_compatible=True
    )
    is_done = False
    try:
        await tls.do_handshake()
        is_done = True
    finally:
        if not is_done:
            await trio.aclose_forcefully(tcp)
    return tls


async def _upgrade(
    nursery: trio.Nursery, stream: trio.abc.Stream, address: Address, token: str | None
) -> WebSocketConnection:
    opening = _Opening(stream)
    headers = [] if token is None else [(b"Authorization", b"Bearer " + token.encode())]
    socket = await wrap_client_stream(
        nursery,
        cast("trio.SocketStream", opening),  # it needs only a `trio.abc.Stream`
        address.authority,
        address.target,
        extra_headers=headers,
        receive_buffer_size=_RECEIVE_BYTES,
    )
    opening.is_open = True
    return socket


def _refused(rejections: BaseExceptionGroup[ConnectionRejected]) -> Ending:
    rejection = rejections.exceptions[0]
    assert isinstance(rejection, ConnectionRejected)  # noqa: S101 - only one task raises it
    after = dict(rejection.headers).get(b"retry-after")
    wish = None if after is None else after.decode("latin-1")
    return refused(rejection.status_code, wish, _message_of(rejection.body))


def _message_of(body: bytes | None) -> str:
    """Return the message in a refusal's body, or "" (docs/reference/http.md, "Refusals")."""
    try:
        data = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return ""
    match data:
        case {"error": {"message": str(message)}}:
            return message
    return ""


def _without_tls(failures: BaseExceptionGroup[trio.BrokenResourceError]) -> Ending:
    """Return the ending of a failed TLS handshake.

    A server that hangs up may be restarting. Other TLS failures are permanent: a bad certificate,
    no common version, or a server that speaks plain HTTP on this port.
    """
    cause = failures.exceptions[0].__cause__
    has_hung_up = isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    is_mistake = isinstance(cause, ssl.SSLError) and not has_hung_up
    hint = ""
    if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
        hint = "; does the server speak plain HTTP (ws:, http:) on this port?"
    return Ending(f"TLS handshake failed: {cause}{hint}", is_mistake=is_mistake)


def _unreachable(failures: BaseExceptionGroup[Exception], address: Address) -> Ending:
    failure = failures.exceptions[0]
    if isinstance(failure, gaierror):
        # EAI_AGAIN means a network that is not up yet.
        is_mistake = failure.errno == EAI_NONAME
        return Ending(f"No address of {address.host!r}: {failure.strerror}", is_mistake=is_mistake)
    # Trio reports that all attempts failed, with the reason as the cause.
    cause = failure.__cause__ or failure
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return Ending(f"The server is unreachable: {cause}")
