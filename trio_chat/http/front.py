"""Answers HTTP on a connection, until it ends or becomes a WebSocket.

Before this comes `accept`; after it, for an upgrade, `trio_chat.websocket.endpoint`.

The front takes each head within its limits and parses it once (`request`), then answers it
(`routes`). It checks an upgrade (`upgrade`, `access`), admits it, and passes it on with the 101
that the connection sends. It reads no body: after a request with one it answers and closes the
connection.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol

import trio
from attrs import define, field, frozen

from trio_chat.fair_queue import FairQueue
from trio_chat.http import response, upgrade
from trio_chat.http.access import (
    Networks,
    address_of_head,
    client_address,
    connection_scheme,
    find_token,
    origin_allowed,
)
from trio_chat.http.request import HeadBuffer, Request, only, parse, values
from trio_chat.http.response import Response
from trio_chat.http.routes import SOCKET_PATHS, Routes
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

_MAX_CHARS: Final = 200
"""The longest logged value from a client; honest origins and hosts are shorter."""


class Connected(Protocol):
    """A socket that knows the address of its peer."""

    def getpeername(self) -> Any:  # noqa: ANN401 - as the stdlib has it
        """Return the address, which begins with the host and the port."""


@frozen
class _Peer:
    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, with an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@define(kw_only=True, eq=False)
class HttpFront:
    """Answers HTTP; one object serves all connections.

    Args:
        routes: Answers the paths of pages, probes and metrics.
        admit: Called once for each well-formed upgrade from an allowed origin, with its token, if
            any; returns the admitted upgrade or a refusal. No await follows until `serve` returns,
            so a slot counted by `admit` is never lost.
        on_response: Called with the status of each response; 101 for an upgrade.
        on_refusal: Called with each refusal, the client's address as for limits, and further fields
            for a log line.
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

    _routes: Routes
    _admit: Callable[[Upgrade, str | None], Upgrade | Refusal]
    _on_response: Callable[[int], None]
    _on_refusal: Callable[[Refusal, str, Mapping[str, str]], None]
    _is_draining: Callable[[], bool]
    _allowed_origins: Collection[str] = ()
    _server_names: Collection[str] = ()
    _trusted_proxies: Networks = ()
    _takes_tokens: bool = False
    _secure: bool = False
    _head_timeout_seconds: float = 10
    _write_timeout_seconds: float = 10
    _queue: FairQueue = field(factory=lambda: FairQueue(AT_ONCE), init=False)

    async def serve(self, stream: trio.abc.HalfCloseableStream, sock: Connected) -> Upgrade | None:
        """Answer the requests on the stream of this socket, until it ends or is upgraded.

        A cancellation, or an exception of a callback, closes the stream.

        Returns:
            The admitted upgrade: the caller owns the stream, from which only the head has been
            read, and to which nothing has been written. None if the stream ended; it is closed.
        """
        try:
            host, port, *_ = sock.getpeername()
        except OSError:  # the client has disconnected already
            await trio.aclose_forcefully(stream)
            return None
        upgraded = None
        try:
            upgraded = await self._converse(stream, _Peer(host, port))
        except (trio.BrokenResourceError, trio.TooSlowError):
            pass  # the client has disconnected or does not read
        finally:
            if upgraded is None:
                await trio.aclose_forcefully(stream)
        return upgraded

    async def _converse(self, stream: trio.abc.HalfCloseableStream, peer: _Peer) -> Upgrade | None:
        buffer = HeadBuffer()
        head = await self._read_head(stream, buffer)
        while head is not None:
            address = peer.host
            if isinstance(head, bytes):
                address = address_of_head(address, head, self._trusted_proxies)
            await self._queue.pass_through(counted_address(address))
            outcome, close = self._decide(head, buffer, peer)
            if isinstance(outcome, Upgrade):
                self._on_response(_SWITCHING)
                return outcome
            self._on_response(outcome.status)
            head_only = isinstance(head, bytes) and head.startswith(b"HEAD ")
            await self._write(stream, response.encode(outcome, head_only=head_only, close=close))
            if close:
                await _linger(stream)
                return None
            if not buffer and not await self._wait_for_more(stream, buffer):
                return None
            head = await self._read_head(stream, buffer)
        return None

    async def _read_head(
        self, stream: trio.abc.ReceiveStream, buffer: HeadBuffer
    ) -> bytes | Refusal | None:
        """Return the next head; a refusal if it is invalid or late; None at the end."""
        with trio.move_on_after(self._head_timeout_seconds):
            while (head := buffer.take()) is None:
                data = await stream.receive_some(_RECEIVE_BYTES)
                if not data:
                    return response.bad_request("the head is incomplete") if buffer else None
                buffer.feed(data)
            return head
        return response.REQUEST_TIMEOUT

    async def _wait_for_more(self, stream: trio.abc.ReceiveStream, buffer: HeadBuffer) -> bool:
        """Return whether an idle client sends more bytes in time."""
        with trio.move_on_after(self._head_timeout_seconds):
            data = await stream.receive_some(_RECEIVE_BYTES)
            buffer.feed(data)
            return bool(data)
        return False

    def _decide(
        self, head: bytes | Refusal, buffer: HeadBuffer, peer: _Peer
    ) -> tuple[Upgrade | Response, bool]:
        """Return the outcome, and whether the connection closes after it."""
        request = parse(head) if isinstance(head, bytes) else head
        if isinstance(request, Refusal):
            return self._refuse(request, peer.host, {"peer": str(peer)}), True
        outcome = self._outcome(request, buffer, peer)
        close = self._is_draining() or request.has_body or not request.keep_alive
        if isinstance(outcome, Refusal):
            close = close or outcome.status in response.END_THE_CONNECTION
            about = {"peer": str(peer), **_about(request)}
            outcome = self._refuse(outcome, self._address(request, peer), about)
        return outcome, close

    def _outcome(
        self, request: Request, buffer: HeadBuffer, peer: _Peer
    ) -> Upgrade | Response | Refusal:
        if request.has_body and request.method in {b"GET", b"HEAD"}:
            return response.bad_request("a GET or HEAD must not have a body")
        answer = self._routes.answer(request.method, request.path, request.headers)
        if answer is not None:
            return answer
        if fault := upgrade.fault_of(request):
            return fault
        if not self._is_allowed(request, peer):
            return response.FOREIGN_ORIGIN
        # The token is no part of the upgrade, which lives as long as the connection.
        token = find_token(request) if self._takes_tokens else None
        if isinstance(token, Refusal):
            return token
        admissible = Upgrade(
            path=request.path,
            answer=upgrade.answer_for(request),
            trailing=buffer.rest(),
            address=self._address(request, peer),
            peer=str(peer),
            origin=_origin_of(request),
            deflate=upgrade.deflate_for(request),
        )
        return self._admit(admissible, token)

    def _is_allowed(self, request: Request, peer: _Peer) -> bool:
        scheme = connection_scheme(
            peer.host, request.headers, self._trusted_proxies, secure=self._secure
        )
        origin = only(request.headers, b"origin")
        return origin_allowed(
            origin, request.host, scheme, self._allowed_origins, self._server_names
        )

    def _address(self, request: Request, peer: _Peer) -> str:
        return client_address(peer.host, request.headers, self._trusted_proxies)

    def _refuse(self, refusal: Refusal, address: str, about: Mapping[str, str]) -> Response:
        self._on_refusal(refusal, address, about)
        return response.from_refusal(refusal)

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


def _about(request: Request) -> dict[str, str]:
    """Return the fields for a log line, without secrets: no query, no unknown path."""
    about = {"host": _shown(request.host)}
    if origin := _origin_of(request):
        about["origin"] = origin
    if request.path in SOCKET_PATHS:
        about["path"] = request.path
    return about


def _origin_of(request: Request) -> str:
    return _shown(b", ".join(values(request.headers, b"origin")))


def _shown(value: bytes) -> str:
    return value[:_MAX_CHARS].decode("latin-1")
