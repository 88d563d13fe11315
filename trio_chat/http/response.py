"""Responses, and their bytes on the wire."""

from http import HTTPStatus
from typing import Final

import orjson
from attrs import field, frozen

from trio_chat.http.fields import Headers
from trio_chat.protocol.handshake import Refusal

_EVERYWHERE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),  # no resource is for other sites
)

_NO_CONTENT_LENGTH: Final = 304
"""A 304 may omit the length, which would be the length of the page."""


@frozen
class Response:
    """A response.

    Attributes:
        status: The HTTP status.
        headers: The fields of this response; `encode` adds the common ones.
        body: Sent unless the method was HEAD.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)


def from_refusal(refusal: Refusal) -> Response:
    """Return the JSON response to a refused request."""
    body = orjson.dumps({"error": {"code": refusal.code, "message": refusal.message}})
    return Response(
        refusal.status, ((b"content-type", b"application/json"), *refusal.headers), body
    )


def encode(response: Response, *, head_only: bool, close: bool) -> bytes:
    """Return the response as HTTP/1.1 bytes.

    Args:
        response: The response.
        head_only: Whether to omit the body but not its length, as for HEAD.
        close: Whether the connection closes after this response.
    """
    fields = [*response.headers, *_EVERYWHERE]
    if response.status != _NO_CONTENT_LENGTH:
        fields.append((b"content-length", b"%d" % len(response.body)))
    if close:
        fields.append((b"connection", b"close"))
    phrase = HTTPStatus(response.status).phrase.encode()
    lines = [b"HTTP/1.1 %d %s" % (response.status, phrase)]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if head_only else response.body)
