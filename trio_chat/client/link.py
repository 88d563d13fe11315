"""One connection to the server: dials, upgrades, and carries a `ClientProtocol` until it ends."""

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
"""The most that connection, TLS and upgrade may take; and then again joining the rooms."""

QUIET_SECONDS: Final = 45.0
"""After so long without a frame the server is pinged, and after as long again without a pong it is
taken for dead. It sends a heartbeat each minute, but that is a setting."""

CLOSING_SECONDS: Final = 5.0
"""The most that a good-bye takes: as long as the server waits for ours."""

# trio_websocket takes 4 KiB at once by itself; a `joined` may have 256.
_RECEIVE_BYTES: Final = 64 * 1024

# What a connection without a close frame is said to have ended with (RFC 6455, section 7.1.5).
_ABNORMAL: Final = 1006

# OpenSSL's names for bytes that are no TLS record; they depend on its version.
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})

_SILENCE: Final = Ending("The server gives no sign of life")


class Link:
    """One connection.

    Args:
        dialogue: What is said on it.
        work: Where the writer waits for something to say: unpark it after telling the dialogue.
        on_heard: Called after each frame of the server.
    """

    def __init__(
        self,
        client_protocol: ClientProtocol,
        work: trio.lowlevel.ParkingLot,
        on_heard: Callable[[], None],
    ) -> None:
        self._dialogue = client_protocol
        self._work = work
        self._on_heard = on_heard
        self._heard_at = 0.0
        self._ready_at = math.inf

    async def run(self, address: Address, token: str | None) -> Ending:
        """Connect, and talk until it is over, however it ends. A cancellation breaks it off."""
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
            # wsproto lets through what h11 says of an answer that is not HTTP.
            ending = _out_of_reach(failures, address)
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
        self._dialogue.connected()
        self._heard_at = trio.current_time()
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
                self._heard_at = trio.current_time()
                if isinstance(text, str):
                    self._dialogue.receive(text, self._heard_at)
                if self._ready_at == math.inf and self._dialogue.is_ready:
                    self._ready_at = self._heard_at
                self._on_heard()
        except WireError as error:
            return Ending(str(error), is_mistake=error.is_mistake)
        except ConnectionClosed as end:
            is_restart = self._dialogue.is_restarting
            if end.reason is None:
                return closed(_ABNORMAL, None, is_restart=is_restart)
            return closed(end.reason.code, end.reason.reason, is_restart=is_restart)

    async def _write(self, socket: WebSocketConnection) -> None:
        try:
            while True:
                # What is told to the dialogue while it sends wakes nobody, so it looks again.
                while texts := self._dialogue.outgoing(trio.current_time()):
                    for text in texts:
                        await socket.send_message(text)
                if self._dialogue.is_leaving:
                    await socket.aclose()
                    return
                with trio.move_on_at(self._dialogue.due()):
                    await self._work.park()
        except ConnectionClosed:
            pass  # The reader hears of it too, and knows why.

    async def _watch(self, socket: WebSocketConnection, talk: trio.CancelScope) -> None:
        """End the talk when nothing is heard any more."""
        await trio.sleep(OPENING_SECONDS)
        try:
            while self._ready_at < math.inf:
                await trio.sleep_until(self._heard_at + QUIET_SECONDS)
                if trio.current_time() < self._heard_at + QUIET_SECONDS:
                    continue
                with trio.move_on_after(QUIET_SECONDS):
                    await socket.ping()
                    self._heard_at = trio.current_time()
                if trio.current_time() >= self._heard_at + 2 * QUIET_SECONDS:
                    break
        except ConnectionClosed:
            return  # The reader hears of it too, and knows why.
        talk.cancel()


class _Opening(trio.abc.Stream):
    """A stream that says so when it ends before the upgrade; trio_websocket would wait for ever.

    Args:
        stream: The real one.

    Attributes:
        is_open: Whether the upgrade is done.
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
    """Make a TCP connection, with TLS on it if that is wanted.

    Raises:
        OSError: Nobody is there.
        trio.BrokenResourceError: It came to no TLS; the cause says why.
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
        cast("trio.SocketStream", opening),  # it asks for no more than a `trio.abc.Stream`
        address.authority,
        address.target,
        extra_headers=headers,
        receive_buffer_size=_RECEIVE_BYTES,
    )
    opening.is_open = True
    return socket


def _refused(rejections: BaseExceptionGroup[ConnectionRejected]) -> Ending:
    rejection = rejections.exceptions[0]
    assert isinstance(rejection, ConnectionRejected)  # noqa: S101 - only one task meets it
    after = dict(rejection.headers).get(b"retry-after")
    wish = None if after is None else after.decode("latin-1")
    return refused(rejection.status_code, wish, _words(rejection.body))


def _words(body: bytes | None) -> str:
    """Return the message of a refusal's body, or nothing (docs/reference/http.md, "Refusals")."""
    try:
        data = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return ""
    match data:
        case {"error": {"message": str(message)}}:
            return message
    return ""


def _without_tls(failures: BaseExceptionGroup[trio.BrokenResourceError]) -> Ending:
    """The ending that is a failed TLS handshake.

    A server that hangs up may be about to restart. Everything else that TLS reports stays so: a bad
    certificate, no version in common, or a server that speaks plain HTTP on this port.
    """
    cause = failures.exceptions[0].__cause__
    has_hung_up = isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    is_mistake = isinstance(cause, ssl.SSLError) and not has_hung_up
    hint = ""
    if isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS:
        hint = "; does the server speak plain HTTP (ws:, http:) on this port?"
    return Ending(f"TLS handshake failed: {cause}{hint}", is_mistake=is_mistake)


def _out_of_reach(failures: BaseExceptionGroup[Exception], address: Address) -> Ending:
    failure = failures.exceptions[0]
    if isinstance(failure, gaierror):
        # The other one, EAI_AGAIN, is a network that is not up yet.
        is_mistake = failure.errno == EAI_NONAME
        return Ending(f"No address of {address.host!r}: {failure.strerror}", is_mistake=is_mistake)
    # Trio says only that all attempts have failed, and keeps why as the cause.
    cause = failure.__cause__ or failure
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return Ending(f"The server is out of reach: {cause}")
