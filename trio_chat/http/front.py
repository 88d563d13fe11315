"""Answers HTTP on a connection, until it ends or becomes a WebSocket.

The front reads each head raw within the limits (`head`), parses it once (`request`), and answers it
(`routes`). It checks an upgrade to a WebSocket (`handshake`, `origin`), admits it, and passes it on
with the 101 that the connection sends. The server reads no request body: after a request with a
body it answers and closes the connection.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

import trio
from attrs import frozen

from trio_chat.fair_queue import FairQueue
from trio_chat.http import handshake, refusals
from trio_chat.http.bearer import find_token
from trio_chat.http.fields import only
from trio_chat.http.forwarded import (
    Networks,
    address_of_head,
    client_address,
    connection_scheme,
)
from trio_chat.http.head import HeadBuffer
from trio_chat.http.origin import origin_allowed
from trio_chat.http.refused import Asked, origin_of
from trio_chat.http.request import Request, parse
from trio_chat.http.response import Response, encode, from_refusal
from trio_chat.http.routes import Routes
from trio_chat.protocol.handshake import Refusal, Upgrade
from trio_chat.ratelimit import counted_address

_SWITCHING: Final = 101

AT_ONCE: Final = 4
"""Requests answered in one turn of the loop, which takes 1 to 2 ms. Addresses take turns for the
rest, so no client waits for a burst of requests from another address."""

_RECEIVE_BYTES: Final = 4096
"""Enough for a browser's whole head; more would waste memory."""

_SEND_BYTES: Final = 64 * 1024
"""Sent within one write timeout: the slowest client that gets served reads 6.4 KiB/s."""

_LINGER_BYTES: Final = 1024 * 1024
_LINGER_SECONDS: Final = 2
"""Enough for the rest of most requests; a client that sends more may lose the answer."""


class Connected(Protocol):
    """A socket that knows the address of its peer."""

    def getpeername(self) -> Any:  # noqa: ANN401 - as the stdlib has it
        """Return the address, which begins with the host and the port."""


@frozen
class Peer:
    """The other end of a socket."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, with an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@frozen
class _Answer:
    status: int
    data: bytes
    close: bool


class HttpFront:
    """Answers HTTP; one object serves all connections.

    Args:
        routes: Answers the paths of pages, probes and metrics.
        admit: Called once for each well-formed upgrade from an allowed origin, with its token, if
            any; returns the admitted upgrade or a refusal. No await follows until `serve` returns,
            so a slot counted by `admit` is never lost.
        on_response: Called with the status of each response; 101 for an upgrade.
        on_refusal: Called with each refusal and its request.
        is_draining: Whether connections close after their next answer.
        allowed_origins: Foreign origins that may connect, ``*`` for any.
        server_names: The names of this server, for its own origin; empty for any.
        trusted_proxies: The networks of proxies whose ``X-Forwarded-…`` counts.
        takes_tokens: Whether to look for tokens.
        secure: Whether connections are encrypted, so that the own origin is ``https``.
        head_timeout_seconds: The time limit for a head, and for idling between two requests. 10
            is plenty for a phone, and short enough that idle connections cost little.
        write_timeout_seconds: The time limit for sending 64 KiB of an answer.
    """

    def __init__(  # noqa: PLR0913 - all by name, each given once, by the composition root
        self,
        *,
        routes: Routes,
        admit: Callable[[Upgrade, str | None], Upgrade | Refusal],
        on_response: Callable[[int], None],
        on_refusal: Callable[[Refusal, Asked], None],
        is_draining: Callable[[], bool],
        allowed_origins: Collection[str] = (),
        server_names: Collection[str] = (),
        trusted_proxies: Networks = (),
        takes_tokens: bool = False,
        secure: bool = False,
        head_timeout_seconds: float = 10,
        write_timeout_seconds: float = 10,
    ) -> None:
        self._routes = routes
        self._admit = admit
        self._on_response = on_response
        self._on_refusal = on_refusal
        self._is_draining = is_draining
        self._allowed_origins = allowed_origins
        self._server_names = server_names
        self._trusted_proxies = trusted_proxies
        self._takes_tokens = takes_tokens
        self._secure = secure
        self._head_timeout_seconds = head_timeout_seconds
        self._write_timeout_seconds = write_timeout_seconds
        self._queue = FairQueue(AT_ONCE)

    async def serve(self, stream: trio.abc.HalfCloseableStream, sock: Connected) -> Upgrade | None:
        """Answer the requests on the stream of this socket; see `serve_stream`."""
        try:
            host, port, *_ = sock.getpeername()
        except OSError:  # the client has disconnected already
            await trio.aclose_forcefully(stream)
            return None
        return await self.serve_stream(stream, Peer(host, port))

    async def serve_stream(
        self, stream: trio.abc.HalfCloseableStream, peer: Peer
    ) -> Upgrade | None:
        """Answer the requests on a stream, in order, until it ends or is upgraded.

        A cancellation, or an exception of a callback, closes the stream.

        Returns:
            The admitted upgrade: the caller owns the stream, from which only the head has been
            read, and to which nothing has been written. None if the stream ended; it is closed.
        """
        upgrade = None
        try:
            upgrade = await self._converse(stream, peer)
        except (trio.BrokenResourceError, trio.TooSlowError):
            pass  # the client has disconnected or does not read
        finally:
            if upgrade is None:
                await trio.aclose_forcefully(stream)
        return upgrade

    async def _converse(self, stream: trio.abc.HalfCloseableStream, peer: Peer) -> Upgrade | None:
        buffer = HeadBuffer()
        head = await self._read_head(stream, buffer)
        while head is not None:
            await self._queue.pass_through(self._turn_of(head, peer))
            outcome = self._decide(head, buffer, peer)
            if isinstance(outcome, Upgrade):
                self._on_response(_SWITCHING)
                return outcome
            self._on_response(outcome.status)
            await self._write(stream, outcome.data)
            if outcome.close:
                await _linger(stream)
                return None
            if not buffer and not await self._wait_for_more(stream, buffer):
                return None
            head = await self._read_head(stream, buffer)
        return None

    def _turn_of(self, head: bytes | Refusal, peer: Peer) -> str:
        """Return the address for turns: the client's, also behind a proxy."""
        address = peer.host
        if isinstance(head, bytes) and self._trusted_proxies:
            address = address_of_head(address, head, self._trusted_proxies)
        return counted_address(address)

    async def _wait_for_more(self, stream: trio.abc.ReceiveStream, buffer: HeadBuffer) -> bool:
        """Return whether an idle client sends more bytes in time."""
        with trio.move_on_after(self._head_timeout_seconds):
            data = await stream.receive_some(_RECEIVE_BYTES)
            buffer.feed(data)
            return bool(data)
        return False

    async def _read_head(
        self, stream: trio.abc.ReceiveStream, buffer: HeadBuffer
    ) -> bytes | Refusal | None:
        """Return the next head; a refusal if it is invalid or late; None at the end."""
        with trio.move_on_after(self._head_timeout_seconds):
            while (head := buffer.take()) is None:
                data = await stream.receive_some(_RECEIVE_BYTES)
                if not data:
                    return refusals.bad_request("the head is incomplete") if buffer else None
                buffer.feed(data)
            return head
        return refusals.REQUEST_TIMEOUT

    def _decide(self, head: bytes | Refusal, buffer: HeadBuffer, peer: Peer) -> Upgrade | _Answer:
        request = parse(head) if isinstance(head, bytes) else head
        if isinstance(request, Refusal):
            head_only = isinstance(head, bytes) and head.startswith(b"HEAD ")
            return self._refuse(request, Asked(peer.host, str(peer)), head_only=head_only)
        outcome = self._outcome(request, buffer, peer)
        if isinstance(outcome, Upgrade):
            return outcome
        close = self._is_draining() or request.has_body or not request.keep_alive
        head_only = request.method == b"HEAD"
        if isinstance(outcome, Refusal):
            asked = Asked(self._address(request, peer), str(peer), request)
            return self._refuse(outcome, asked, head_only=head_only, close=close)
        return _Answer(outcome.status, encode(outcome, head_only=head_only, close=close), close)

    def _outcome(
        self, request: Request, buffer: HeadBuffer, peer: Peer
    ) -> Upgrade | Response | Refusal:
        if request.has_body and request.method in {b"GET", b"HEAD"}:
            return refusals.bad_request("a GET or HEAD must not have a body")
        answer = self._routes.answer(request.method, request.path, request.headers)
        if answer is not None:
            return answer
        if fault := handshake.fault_of(request) or self._fault_of_origin(request, peer):
            return fault
        # The token is no part of the upgrade, which lives as long as the connection.
        token = find_token(request) if self._takes_tokens else None
        if isinstance(token, Refusal):
            return token
        upgrade = Upgrade(
            path=request.path,
            answer=handshake.answer_for(request),
            trailing=buffer.rest(),
            address=self._address(request, peer),
            peer=str(peer),
            origin=origin_of(request),
            deflate=handshake.deflate_for(request),
        )
        return self._admit(upgrade, token)

    def _fault_of_origin(self, request: Request, peer: Peer) -> Refusal | None:
        scheme = connection_scheme(
            peer.host, request.headers, self._trusted_proxies, secure=self._secure
        )
        origin = only(request.headers, b"origin")
        allowed = origin_allowed(
            origin, request.host, scheme, self._allowed_origins, self._server_names
        )
        return None if allowed else refusals.FOREIGN_ORIGIN

    def _address(self, request: Request, peer: Peer) -> str:
        return client_address(peer.host, request.headers, self._trusted_proxies)

    def _refuse(
        self, refusal: Refusal, asked: Asked, *, head_only: bool, close: bool = False
    ) -> _Answer:
        self._on_refusal(refusal, asked)
        close = close or refusal.status in refusals.END_THE_CONNECTION
        data = encode(from_refusal(refusal), head_only=head_only, close=close)
        return _Answer(refusal.status, data, close)

    async def _write(self, stream: trio.abc.SendStream, data: bytes) -> None:
        for start in range(0, len(data), _SEND_BYTES):
            with trio.fail_after(self._write_timeout_seconds):
                await stream.send_all(data[start : start + _SEND_BYTES])


async def _linger(stream: trio.abc.HalfCloseableStream) -> None:
    """Let the client read the last answer before the socket closes.

    A socket that closes with unread bytes sends a reset, which makes the client's system discard
    received data (RFC 9112 section 9.6). So end this side, then read and discard the rest.
    """
    await stream.send_eof()
    discarded = 0
    with trio.move_on_after(_LINGER_SECONDS):
        while discarded < _LINGER_BYTES and (data := await stream.receive_some(_RECEIVE_BYTES)):
            discarded += len(data)
