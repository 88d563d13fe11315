"""What clients send, as it is understood: names and numbers have their types, and no more.

The names of the fields are ours; the names on the wire (camelCase) are the codec's business.

Nobody changes one of these. The one on the way of every message is not `frozen` all the same: attrs
pays for that with three times the cost of making one.
"""

from collections.abc import Mapping

from attrs import define, field, frozen


@frozen
class Since:
    """Up to where a client knows a room; by default it knows nothing of it.

    Attributes:
        since: The last ``seq`` it has seen; 0 is none.
        epoch: The life of the store in which it saw that.
    """

    since: int | None = None
    epoch: str | None = None


@frozen
class Hello:
    """``hello``: the first frame of version 2.

    Attributes:
        device: The client's secret; None if it has none yet.
        rooms: Where it wants to be; empty for the default room.
    """

    v: int
    username: str
    device: str | None = None
    rooms: Mapping[str, Since] = field(factory=dict)


@define
class SendMessage:
    """``message``: log and send a text. Without a room, the default one is meant."""

    message: str
    room: str | None = None
    ref: str | None = None


@frozen
class SetTyping:
    """``typing``: the sender has begun, goes on, or has stopped to type."""

    is_typing: bool
    room: str | None = None


@frozen
class JoinRoom:
    """``join``: be in one more room, or go on from ``since`` in one it is in."""

    room: str
    since: int | None = None
    epoch: str | None = None
    ref: str | None = None


@frozen
class LeaveRoom:
    """``leave``: be in one room less."""

    room: str
    ref: str | None = None


@frozen
class ReadHistory:
    """``history``: a page of past events.

    Attributes:
        before: The newest below this ``seq``; without `after` and this, the newest of all.
        after: The oldest above this ``seq``.
        limit: The most events.
    """

    room: str | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 50
    ref: str | None = None


@frozen
class ReadUpTo:
    """``read``: the user has read the room up to this ``seq``."""

    seq: int
    room: str | None = None


@frozen
class EditMessage:
    """``edit``: give one's own message another text."""

    id: str
    message: str
    room: str | None = None
    ref: str | None = None


@frozen
class DeleteMessage:
    """``delete``: take one's own message back."""

    id: str
    room: str | None = None
    ref: str | None = None


@frozen
class RefreshToken:
    """``auth``: a fresh token, before the old one ends."""

    token: str = field(repr=False)
    ref: str | None = None


Command = (
    SendMessage
    | SetTyping
    | JoinRoom
    | LeaveRoom
    | ReadHistory
    | ReadUpTo
    | EditMessage
    | DeleteMessage
    | RefreshToken
)
