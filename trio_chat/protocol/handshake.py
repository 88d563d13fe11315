"""What the HTTP side and the WebSocket side say to each other about an upgrade.

The two packages never import each other; these two types are all they share.
"""

from attrs import field, frozen


@frozen
class Upgrade:
    """A well-formed request for a WebSocket, its head read but not yet answered.

    Attributes:
        path: The path without the query, e.g. ``/ws``.
        query: The raw query, without the question mark; may hold a token, so it is never logged.
        headers: Names in lower case, values as they came, in order.
        head: A head with the fields that were checked, blank line included, for trio-websocket to
            read; what else came (cookies, tokens) is not in it.
        trailing: Bytes that came after the head: the first frames of an eager client.
        address: The client's address for limits: the socket's, or what a trusted proxy says.
        peer: ``host:port`` of the socket, for the log.
    """

    path: str
    query: bytes = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    head: bytes = field(repr=False)
    trailing: bytes = field(repr=False)
    address: str
    peer: str


@frozen
class Refusal:
    """The answer to a request that is not granted: a status, and a JSON body that says why.

    Attributes:
        status: The HTTP status, 400 or above.
        code: What kind of refusal, for programs and for the metrics label.
        message: Why, for people.
        headers: Further response headers, e.g. ``Retry-After``.
    """

    status: int
    code: str
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
