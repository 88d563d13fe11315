"""What the HTTP side and the WebSocket side say to each other about an upgrade.

The two packages never import each other; these types are all they share.
"""

from typing import Final

from attrs import field, frozen

from trio_chat.protocol.names import Name

SUBPROTOCOL: Final = "trio-chat.v2"
"""The only subprotocol there is. It is named in the answer where it was offered."""


@frozen
class Identity:
    """Who a client is, as its token has proved.

    Attributes:
        name: The user's.
        ends_at: When the token ends, in seconds since 1970 UTC.
    """

    name: Name
    ends_at: float


@frozen
class Upgrade:
    """A well-formed request for a WebSocket, its head read but not yet answered.

    It lives as long as the connection, so it keeps only what somebody reads.

    Attributes:
        path: The path without the query, e.g. ``/ws``.
        answer: The 101 that opens the WebSocket, up to the field for extensions.
        trailing: Bytes that came after the head: the first frames of an eager client.
        address: The client's address: the socket's, or what a trusted proxy says. Limits count an
            IPv6 address by its /64 (`trio_chat.ratelimit.counted_address`).
        peer: ``host:port`` of the socket, for the store.
        origin: Which page has opened it, for the store; empty if it is no browser's.
        identity: Who it is; None where no tokens are asked for.
        deflate: How to answer the client's offer of permessage-deflate (RFC 7692); None if it made
            none that can be met.
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
    """The answer to a request that is not granted: a status, and a JSON body that says why.

    Attributes:
        status: The HTTP status, 400 or above.
        code: What kind of refusal, for programs and for the metrics label.
        message: Why, for people.
        headers: Further response headers, e.g. ``Retry-After``.
        fault: What was wrong, for the store alone: more than whoever tries is to learn.
    """

    status: int
    code: str
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    fault: str = ""
