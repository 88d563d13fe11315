"""The types that `trio_chat.http` and `trio_chat.websocket` share: a checked upgrade request."""

from attrs import field, frozen

from trio_chat.access.tokens import Identity


@frozen
class Upgrade:
    """A valid request for a WebSocket, not yet answered.

    Attributes:
        path: The path without the query, e.g. ``/ws``.
        answer: The 101 response, up to the field for extensions.
        trailing: The bytes after the request: the first frames of an eager client.
        address: The client's address: the socket's, or the one that a trusted proxy reports.
        peer: ``host:port`` of the socket, for log lines, like the page's ``origin``.
        identity: None if the server requires no tokens.
        deflate: The header that accepts permessage-deflate; None without an acceptable offer.
    """

    path: str
    answer: bytes = field(repr=False)
    trailing: bytes = field(repr=False)
    address: str
    peer: str
    origin: str = ""
    identity: Identity | None = None
    deflate: str | None = None


@frozen
class Refusal:
    """The answer to a refused request: a status, and a JSON body with the reason.

    Attributes:
        code: The kind of refusal, for programs and for the metric's label.
        message: The reason, for people.
        fault: Details for the log line only, which the client must not learn.
    """

    status: int
    code: str
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    fault: str = ""
