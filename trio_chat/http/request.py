"""Parses requests: h11 checks the syntax, this module the target and the host."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import h11
from attrs import field, frozen

from trio_chat.http.fields import Headers, only, tokens, values
from trio_chat.http.refusals import bad_request
from trio_chat.protocol.handshake import Refusal

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::[0-9]{0,5})?")
"""A name, an IPv4 or a bracketed IPv6 address, optionally with a port. DNS names end at 255."""

_ABSOLUTE: Final = re.compile(rb"(?i:https?|wss?)://([^/?#]*)(.*)", re.DOTALL)


@frozen
class Request:
    """A well-formed request.

    Attributes:
        method: The method, which is case-sensitive.
        path: Percent-decoded once; empty if that is not UTF-8.
        query: The raw query, without the question mark.
        host: The authority of an absolute target, else the ``Host``; may be empty for HTTP/1.0.
        headers: All fields.
        is_http_1_0: Whether it is HTTP/1.0, which cannot upgrade or keep the connection.
        has_body: Whether a body follows, so that the start of the next request is unknown.
        keep_alive: Whether the client may reuse the connection.
    """

    method: bytes
    path: str
    query: bytes = field(repr=False)
    host: bytes
    headers: Headers = field(repr=False)
    is_http_1_0: bool
    has_body: bool
    keep_alive: bool


def parse(head: bytes) -> Request | Refusal:
    """Return the parsed request of a whole head, or a refusal."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        event = h11.NEED_DATA
    if not isinstance(event, h11.Request) or not event.http_version.startswith(b"1."):
        return bad_request("malformed HTTP/1.1 or HTTP/1.0 request")
    return _examine(event)


def _examine(event: h11.Request) -> Request | Refusal:
    headers: Headers = tuple(event.headers)
    is_http_1_0 = event.http_version == b"1.0"
    host = only(headers, b"host")
    authority, path, query = _split_target(event.target)
    for name in (host, authority):
        if name is not None and not _HOST.fullmatch(name):
            return bad_request("the host is malformed")
    if host is None and not is_http_1_0:
        return bad_request("exactly one Host field is needed")
    return Request(
        method=event.method,
        path=path,
        query=query,
        host=authority or host or b"",
        headers=headers,
        is_http_1_0=is_http_1_0,
        has_body=_announces_body(headers),
        keep_alive=not is_http_1_0 and b"close" not in tokens(headers, b"connection"),
    )


def _split_target(target: bytes) -> tuple[bytes | None, str, bytes]:
    """Return the authority (of an absolute target), the decoded path and the raw query."""
    authority: bytes | None = None
    if absolute := _ABSOLUTE.fullmatch(target):
        authority, target = absolute.groups()
        if not target.startswith(b"/"):
            target = b"/" + target
    raw_path, _, query = target.partition(b"?")
    try:
        path = unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        path = ""
    return authority, path, query


def _announces_body(headers: Headers) -> bool:
    """Return whether a body follows; h11 has checked that a length is one number."""
    if values(headers, b"transfer-encoding"):
        return True
    return any(int(length) > 0 for length in values(headers, b"content-length"))
