r"""Splits received bytes into heads, and parses each head into a `Request`.

h11 accepts bare line feeds and most control bytes, and has a single limit. So `HeadBuffer` first
checks the raw bytes against the limits of docs/reference/http.md. Its result does not depend on
packets: a head ends at its blank line, at its first forbidden byte, or when it becomes too large,
whichever comes first.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import h11
from attrs import field, frozen

from trio_chat.http.response import HEAD_TOO_LARGE, TARGET_TOO_LONG, Headers, bad_request
from trio_chat.protocol.handshake import Refusal

MAX_HEAD_BYTES: Final = 16 * 1024
"""Twice the limit of common servers for a line, and h11's own limit."""

MAX_FIELDS: Final = 100
"""A browser behind two proxies sends about 30."""

MAX_TARGET_BYTES: Final = 8 * 1024
"""RFC 9112 section 3 requires at least 8,000."""

_BLANK_LINE: Final = b"\r\n\r\n"
_LAST_START: Final = MAX_HEAD_BYTES - len(_BLANK_LINE)
"""The start of the blank line in the largest head."""

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)+")
"""A server ignores empty lines before a request (RFC 9112 section 2.2)."""

_END_OR_FAULT: Final = re.compile(
    rb"\r\n\r\n"
    rb"|\r[^\n]"  # a bare carriage return
    rb"|(?<!\r)\n"  # a bare line feed
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # every control byte but tab
    rb"|\r\n[ \t]"  # a folded line, obsolete and a means of smuggling
)

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::[0-9]{0,5})?")
"""A name, an IPv4 or a bracketed IPv6 address, optionally with a port. DNS names end at 255."""

_ABSOLUTE: Final = re.compile(rb"(?i:https?|wss?)://([^/?#]*)(.*)", re.DOTALL)


class HeadBuffer:
    """Holds the unread bytes of one connection."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0

    def __len__(self) -> int:
        """Return the number of bytes in the buffer."""
        return len(self._data)

    def feed(self, data: bytes | bytearray) -> None:
        """Append bytes from the socket."""
        self._data += data

    def rest(self) -> bytes:
        """Return the bytes behind the heads taken so far; they stay in the buffer."""
        return bytes(self._data)

    def take(self) -> bytes | Refusal | None:
        """Take the next head, including its blank line.

        Returns:
            The head; or a refusal, after which the buffer is unusable; or None while the head is
            incomplete.
        """
        if leading := _EMPTY_LINES.match(self._data):
            del self._data[: leading.end()]
            self._searched = 0
        # The pattern matches at most four bytes, which may arrive in pieces.
        match = _END_OR_FAULT.search(self._data, max(0, self._searched - 3))
        self._searched = len(self._data)
        if match is None:
            return self._too_large() if len(self._data) > MAX_HEAD_BYTES else None
        if match.start() > _LAST_START:
            return self._too_large()
        if match.group() != _BLANK_LINE:
            return bad_request("the head contains a bare line end, a folded line or a control byte")
        head = bytes(self._data[: match.end()])
        del self._data[: match.end()]
        self._searched = 0
        if _target_bytes(head) > MAX_TARGET_BYTES:
            return TARGET_TOO_LONG
        fields = head.count(b"\r\n") - 2  # less the request line and the blank line
        return head if fields <= MAX_FIELDS else HEAD_TOO_LARGE

    def _too_large(self) -> Refusal:
        target_is_long = _target_bytes(self._data[:_LAST_START]) > MAX_TARGET_BYTES
        return TARGET_TOO_LONG if target_is_long else HEAD_TOO_LARGE


def _target_bytes(head: bytes | bytearray) -> int:
    """Return the length of the second word of the first line, as far as received."""
    words = head.partition(b"\r\n")[0].split(b" ", 2)
    return len(words[1]) if len(words) > 1 else 0


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
    """Return the request of a whole head, or a refusal. h11 checks the syntax."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        event = h11.NEED_DATA
    if not isinstance(event, h11.Request) or not event.http_version.startswith(b"1."):
        return bad_request("malformed HTTP/1.1 or HTTP/1.0 request")
    headers: Headers = tuple(event.headers)
    is_http_1_0 = event.http_version == b"1.0"
    host = only(headers, b"host")
    authority, path, query = _split_target(event.target)
    for name in (host, authority):
        if name is not None and not _HOST.fullmatch(name):
            return bad_request("the host is malformed")
    if host is None and not is_http_1_0:
        return bad_request("exactly one Host field is needed")
    lengths = values(headers, b"content-length")  # h11 has checked that each is a number
    return Request(
        method=event.method,
        path=path,
        query=query,
        host=authority or host or b"",
        headers=headers,
        is_http_1_0=is_http_1_0,
        has_body=bool(values(headers, b"transfer-encoding")) or any(map(int, lengths)),
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


# --- header fields: a field may have several lines -----------------------------------------------


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return the value of each line of a field; ``name`` is in lower case."""
    return [value for field_name, value in headers if field_name == name]


def only(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a field with exactly one line; else None."""
    found = values(headers, name)
    return found[0] if len(found) == 1 else None


def joined(headers: Headers, name: bytes) -> bytes:
    """Return all lines of a field as one list (RFC 9110 section 5.3)."""
    return b",".join(values(headers, name))


def members(headers: Headers, name: bytes) -> Iterator[bytes]:
    """Yield the non-empty members of a list."""
    for member in joined(headers, name).split(b","):
        if stripped := member.strip(b" \t"):
            yield stripped


def tokens(headers: Headers, name: bytes) -> Iterator[bytes]:
    """Yield the `members` of a list of tokens that are not case-sensitive, in lower case."""
    return (member.lower() for member in members(headers, name))
