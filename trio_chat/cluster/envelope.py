"""The envelopes that nodes exchange over a backplane: JSON, at most one `Envelope` for each turn.

A backplane may lose, repeat and reorder envelopes. The ``seq`` of each event repairs that for
events. For the rest:

* Each node numbers its envelopes. A node that finds a number missing, or an unknown node, asks for
  that node's `Snapshot`: its whole state, in one or more parts. It replaces the state known before.
* A node publishes at least every 10 s, an empty envelope if it has no messages. When its lease of
  30 s expires, the other nodes remove its users.
* A node that cannot wait for a lease to expire sends `Ping`, and the other node answers at once.
* A node that shuts down gracefully sends `NodeLeaving`: its users have 5 s to connect to another.

Each envelope names the history of its node's store. A node refuses envelopes of another history.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import attrs
import orjson
from attrs import define

from trio_chat.hub.plan import Typed
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.messages import HasRead

FORMAT: Final = 3
"""The format of an envelope. Nodes skip other formats, which a rolling deploy may mix."""


@define
class EventsStored:
    """These events are in the store; those of each room in ``seq`` order."""

    events: tuple[Event, ...]


@define
class UserJoined:
    """A user is in a room on this node, or may return there within 5 s.

    Attributes:
        room: The name of the room.
        user: The key of the user's name.
        shown: The displayed name.
        session: Names the user's presence session in the room, from joining to leaving, on any
            node. The first node chooses it. If two nodes do, the lower name counts.
    """

    room: str
    user: str
    shown: str
    session: str


@define
class UserLeft:
    """A user is no longer in a room on this node.

    Attributes:
        is_announced: Whether this node knew of no other node with the user, and has stored the
            leave event. Otherwise every node that receives this stores it, if no node has the
            user.
    """

    room: str
    user: str
    is_announced: bool


@define
class Counted:
    """How many connections a user has to this node now.

    Attributes:
        user: The key of the user's name.
        address: The client's address; empty if a token has proved the name.
        connections: The number; 0 after the last one has closed.
    """

    user: str
    address: str
    connections: int


@define
class Snapshot:
    """A part of the whole state of a node.

    Attributes:
        here: Users in rooms on this node.
        counted: Their connections.
        read: Their read markers.
        is_first: Whether this begins a new snapshot.
        is_last: Whether this completes it, and so replaces the state known before.
    """

    here: tuple[UserJoined, ...]
    counted: tuple[Counted, ...]
    read: tuple[HasRead, ...]
    is_first: bool
    is_last: bool


@define
class Ask:
    """Ask a node for its snapshot.

    Attributes:
        node: Its id; empty for all nodes.
    """

    node: str


@define
class Ping:
    """Ask a node to publish at once, to show that it is alive.

    Attributes:
        node: Its id.
    """

    node: str


@define
class NodeLeaving:
    """This node shuts down gracefully."""


NodeMessage = (
    EventsStored
    | UserJoined
    | UserLeft
    | Counted
    | Typed
    | HasRead
    | Snapshot
    | Ask
    | Ping
    | NodeLeaving
)


@define
class Envelope:
    """The messages of one node to all others.

    Attributes:
        node: The id of the sender, random, made at its start.
        number: 1, 2, 3, … of this node's envelopes.
        messages: In order; an envelope without messages renews the lease.
        epoch: The history of the sender's store (`trio_chat.store.base.Store.epoch`).
        ts: The sender's clock, in milliseconds since 1970 UTC.
    """

    node: str
    number: int
    messages: tuple[NodeMessage, ...]
    epoch: str
    ts: int


class BadEnvelopeError(ValueError):
    """The payload is not an envelope, or has another format."""


def pack(envelope: Envelope) -> bytes:
    """Encode an envelope."""
    data = {
        "format": FORMAT,
        "node": envelope.node,
        "number": envelope.number,
        "messages": envelope.messages,
        "epoch": envelope.epoch,
        "ts": envelope.ts,
    }
    return orjson.dumps(data, default=_as_object)


def unpack(payload: bytes) -> Envelope:
    """Decode an envelope. Types are strict; unknown keys are skipped.

    Raises:
        BadEnvelopeError: The payload is invalid.
    """
    try:
        data = orjson.loads(payload)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BadEnvelopeError("another format")
        data["messages"] = _each(_message, data["messages"])
        return _envelope(data)
    except (KeyError, TypeError, ValueError) as error:
        raise BadEnvelopeError("invalid envelope") from error


# --- parsed by hand: cattrs takes several times as long for each message of another node ----------

_Object = dict[str, Any]
T = TypeVar("T")


def _reader(kind: type[T]) -> Callable[[_Object], T]:
    """Return a function that reads a class from a JSON object; it coerces nothing."""
    hints = {name: get_type_hints(kind)[name] for name in _names(kind)}
    allowed = frozenset(product(*map(_types, hints.values())))
    # Several at once in C; a single one would not come as a tuple.
    at_once: Callable[[_Object], Any] | None = itemgetter(*hints) if len(hints) > 1 else None

    def read(data: _Object) -> T:
        values = at_once(data) if at_once else [data[name] for name in hints]
        if tuple(map(type, values)) not in allowed:
            raise TypeError(f"no {kind.__name__}")
        return kind(*values)

    return read


def _names(kind: type) -> Sequence[str]:
    """Return the names of the arguments of a class."""
    return tuple(field.name for field in attrs.fields(kind) if field.init)


def _types(hint: Any) -> Sequence[type]:  # noqa: ANN401 - as typing has it
    """Return the types that the value of a field may have."""
    if get_origin(hint) is tuple:
        return (tuple,)
    return get_args(hint) or ((str,) if issubclass(hint, str) else (hint,))


def _each(read: Callable[[_Object], T], data: object) -> tuple[T, ...]:
    if type(data) is not list:
        raise TypeError("no list")
    return tuple(map(read, data))


def _event(data: _Object) -> Event:
    event = _plain_event(data)
    event.kind = _KINDS[event.kind]
    return event


def _events_stored(data: _Object) -> EventsStored:
    return EventsStored(_each(_event, data["events"]))


def _snapshot(data: _Object) -> Snapshot:
    for name, read in _PARTS.items():
        data[name] = _each(read, data[name])
    return _plain_snapshot(data)


def _message(data: _Object) -> NodeMessage:
    message: NodeMessage = _MESSAGES[data["is"]](data)
    return message


def _as_object(value: NodeMessage | Event) -> _Object:
    if type(value) is Event:
        return dict(zip(_EVENT, _event_values(value), strict=True))
    kind = type(value)
    return {"is": _tag(kind), **{name: getattr(value, name) for name in kind.__annotations__}}


def _tag(kind: type) -> str:
    return kind.__name__.lower()


_KINDS: Final = {kind.value: kind for kind in Kind}
_EVENT: Final = _names(Event)
_event_values: Final = attrgetter(*_EVENT)
_plain_event: Final = _reader(Event)
_plain_snapshot: Final = _reader(Snapshot)
_envelope: Final = _reader(Envelope)
_PARTS: Final[Mapping[str, Callable[[_Object], object]]] = {
    "here": _reader(UserJoined),
    "counted": _reader(Counted),
    "read": _reader(HasRead),
}
_MESSAGES: Final[Mapping[str, Callable[[_Object], Any]]] = {
    **{
        _tag(kind): _reader(kind)
        for kind in (UserJoined, UserLeft, Counted, Typed, HasRead, Ask, Ping, NodeLeaving)
    },
    _tag(EventsStored): _events_stored,
    _tag(Snapshot): _snapshot,
}
