r"""Splits a stream of bytes into heads and enforces limits, before h11 parses them.

h11 accepts bare line feeds and most control bytes, and has a single limit. So this module checks
the raw bytes against the limits of docs/reference/http.md first. The result depends on the bytes
alone, never on their packets: a head ends at its blank line, at its first forbidden byte, or when
it becomes too large, whichever comes first.
"""

import re
from typing import Final

from trio_chat.http.refusals import HEAD_TOO_LARGE, TARGET_TOO_LONG, bad_request
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
        return _within_limits(head)

    def _too_large(self) -> Refusal:
        target_is_long = _target_bytes(self._data[:_LAST_START]) > MAX_TARGET_BYTES
        return TARGET_TOO_LONG if target_is_long else HEAD_TOO_LARGE


def _within_limits(head: bytes) -> bytes | Refusal:
    if _target_bytes(head) > MAX_TARGET_BYTES:
        return TARGET_TOO_LONG
    if head.count(b"\r\n") - 2 > MAX_FIELDS:  # less the request line and the blank line
        return HEAD_TOO_LARGE
    return head


def _target_bytes(head: bytes | bytearray) -> int:
    """Return the length of the second word of the first line, as far as received."""
    words = head.partition(b"\r\n")[0].split(b" ", 2)
    return len(words[1]) if len(words) > 1 else 0
