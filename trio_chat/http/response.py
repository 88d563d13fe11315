"""An answer, and the bytes it is on the wire."""

from http import HTTPStatus
from typing import Final

import orjson
from attrs import field, frozen

from trio_chat.http.fields import Headers
from trio_chat.protocol.handshake import Refusal

_EVERYWHERE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),  # nothing here is for others' pages
)

_NO_CONTENT_LENGTH: Final = 304
"""Its length would be that of the page it stands for; saying nothing is right too."""


@frozen
class Response:
    """What a request is answered with.

    Attributes:
        status: The HTTP status.
        headers: Its own fields; what every response has is added by `encode`.
        body: Sent unless the method was HEAD.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)


def from_refusal(refusal: Refusal) -> Response:
    """The answer that says why, as JSON."""
    body = orjson.dumps({"error": {"code": refusal.code, "message": refusal.message}})
    return Response(
        refusal.status, ((b"content-type", b"application/json"), *refusal.headers), body
    )


def encode(response: Response, *, head_only: bool, close: bool) -> bytes:
    """The response as HTTP/1.1 bytes.

    Args:
        response: What to say.
        head_only: Leave the body out, though its length is given: the answer to HEAD.
        close: Say that the connection ends after this.
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
