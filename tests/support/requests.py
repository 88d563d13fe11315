"""Heads of HTTP requests, valid or not, and the responses to them."""

from dataclasses import dataclass

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of a key in RFC 6455, and the answer to it."""

UPGRADE = {
    "host": b"Host: chat.test",
    "upgrade": b"Upgrade: websocket",
    "connection": b"Connection: Upgrade",
    "key": b"Sec-WebSocket-Key: " + KEY,
    "version": b"Sec-WebSocket-Version: 13",
}
"""The fields of a valid upgrade, by the word with which a test leaves one out."""


@dataclass(frozen=True)
class Response:
    """An HTTP response. Field names are in lower case; of a repeated field, the last counts."""

    status: int
    fields: dict[str, str]
    body: bytes


def head(
    target: bytes = b"/ws",
    *,
    method: bytes = b"GET",
    version: bytes = b"1.1",
    without: tuple[str, ...] = (),
    plus: tuple[bytes, ...] = (),
) -> bytes:
    """Return the head of an upgrade, without some fields and with others."""
    lines = [method + b" " + target + b" HTTP/" + version]
    lines += [line for name, line in UPGRADE.items() if name not in without]
    return b"\r\n".join([*lines, *plus]) + b"\r\n\r\n"


def plain_head(target: bytes, *, method: bytes = b"GET", plus: tuple[bytes, ...] = ()) -> bytes:
    """Return the head of a plain request."""
    without = ("upgrade", "connection", "key", "version")
    return head(target, method=method, without=without, plus=plus)


def take_response(buffer: bytearray, *, body: bool = True) -> Response | None:
    """Remove and return the first response in the buffer, once it is whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).decode("ascii").split("\r\n")
    status = int(first.split(" ")[1])
    fields = {name.lower(): value.strip() for name, _, value in (ln.partition(":") for ln in lines)}
    has_body = body and status not in {101, 204, 304}
    size = int(fields.get("content-length", "0")) if has_body else 0
    start = end + 4
    if len(buffer) < start + size:
        return None
    content = bytes(buffer[start : start + size])
    del buffer[: start + size]
    return Response(status, fields, content)
