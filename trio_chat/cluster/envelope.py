"""What nodes tell each other, over a backplane: an `Envelope` of JSON, at most one for a turn.

Anything of it may be lost, repeated or come in another order. What is on the store is delivered by
``seq``; the rest by these rules:

* Each node numbers its envelopes. Who finds a number missing, or a node it has not heard of, asks
  for that node's `Snapshot`: all that it has, in one or more parts; it replaces what was known.
* A node says something every 10 s, if only an empty envelope. Whose lease of 30 s has run out is
  dead, and its users are nowhere any more.
* A node that cannot wait for that sends `Ping`; the other answers at once.
* A node that ends in good order says `NodeLeaving`: its users have 5 s to come back to another one.

Each envelope names the history that its node serves. A node refuses those of another history.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import attrs
import orjson
from attrs import define

from trio_chat.protocol.events import Event, Kind

FORMAT: Final = 3
"""The format of an envelope. Another one is passed over: in a rolling deploy two may meet."""


@define
class Happened:
    """These events are on the store, in ``seq`` order within each room."""

    events: tuple[Event, ...]


@define
class UserJoined:
    """A user is in a room on this node, or stays there for the 5 s to come back.

    Attributes:
        room: The name of the room.
        user: The key of the user's name.
        shown: The name in the form first given.
        stay: Names the user's stay in the room, from coming to leaving, on whichever nodes: the one
            who was first makes it up. Where two did at the same time, the lower one counts.
    """

    room: str
    user: str
    shown: str
    stay: str


@define
class UserLeft:
    """A user is not in a room on this node any more.

    Attributes:
        is_told: Whether this node knew of no other one with the user, and has logged that the user
            has left. If not, and the user is nowhere, then whoever hears of this logs it.
    """

    room: str
    user: str
    is_told: bool


@define
class Counted:
    """How many connections a user has on this node now.

    Attributes:
        user: The key of the user's name.
        address: The client's address, where no token vouches for the name; empty if one does.
        connections: 0 if there is none any more.
    """

    user: str
    address: str
    connections: int


@define
class Typed:
    """A user in a room on this node types, goes on typing, or has stopped."""

    room: str
    user: str
    shown: str
    is_typing: bool


@define
class HasRead:
    """A user in a room has read up to this ``seq``; the mark is on the store, and has grown."""

    room: str
    user: str
    shown: str
    seq: int


@define
class Snapshot:
    """A part of all that a node has.

    Attributes:
        read: Up to where users have read, as far as they have said so to this node.
        is_first: What was heard of the node before is over, once the last part has come.
        is_last: There is no further part.
    """

    here: tuple[UserJoined, ...]
    counted: tuple[Counted, ...]
    read: tuple[HasRead, ...]
    is_first: bool
    is_last: bool


@define
class Ask:
    """The roll of a node is wanted.

    Attributes:
        node: Its id; empty for all nodes.
    """

    node: str


@define
class Ping:
    """A node is asked to say something at once, if it lives.

    Attributes:
        node: Its id.
    """

    node: str


@define
class NodeLeaving:
    """This node ends in good order."""


NodeMessage = (
    Happened
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
    """What one node tells all others at once.

    Attributes:
        node: The id of who says it: random, made at its start.
        number: 1, 2, 3, … of this node's envelopes.
        said: What it says, in order; nothing at all renews the lease.
        epoch: The history that the node serves (`trio_chat.store.base.Store.epoch`).
        ts: The node's clock when it says this, in milliseconds since 1970 UTC.
    """

    node: str
    number: int
    said: tuple[NodeMessage, ...]
    epoch: str
    ts: int


class BadEnvelopeError(ValueError):
    """This is no envelope, or one of another format."""


def pack(envelope: Envelope) -> bytes:
    """Write an envelope."""
    data = {
        "format": FORMAT,
        "node": envelope.node,
        "number": envelope.number,
        "said": envelope.said,
        "epoch": envelope.epoch,
        "ts": envelope.ts,
    }
    return orjson.dumps(data, default=_as_object)


def unpack(payload: bytes) -> Envelope:
    """Read an envelope. Types are strict; keys that are not known are passed over.

    Raises:
        BadEnvelopeError: It is none.
    """
    try:
        data = orjson.loads(payload)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise BadEnvelopeError("not of this format")
        data["said"] = _each(_said, data["said"])
        return _envelope(data)
    except (KeyError, TypeError, ValueError) as error:
        raise BadEnvelopeError("no envelope") from error


# --- by hand: it is the way of every message, and cattrs takes several times as long --------------

_Object = dict[str, Any]
T = TypeVar("T")


def _reader(kind: type[T]) -> Callable[[_Object], T]:
    """Make a function that reads a class from an object of JSON; it coerces nothing."""
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
    """Return the fields of a class that make an object of it."""
    return tuple(field.name for field in attrs.fields(kind) if field.init)


def _types(hint: Any) -> Sequence[type]:  # noqa: ANN401 - as typing has it
    """Return the types of what is read for a field."""
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


def _happened(data: _Object) -> Happened:
    return Happened(_each(_event, data["events"]))


def _roll(data: _Object) -> Snapshot:
    for name, read in _ROLL.items():
        data[name] = _each(read, data[name])
    return _plain_roll(data)


def _said(data: _Object) -> NodeMessage:
    said: NodeMessage = _SAID[data["is"]](data)
    return said


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
_plain_roll: Final = _reader(Snapshot)
_envelope: Final = _reader(Envelope)
_ROLL: Final[Mapping[str, Callable[[_Object], object]]] = {
    "here": _reader(UserJoined),
    "counted": _reader(Counted),
    "read": _reader(HasRead),
}
_SAID: Final[Mapping[str, Callable[[_Object], Any]]] = {
    **{
        _tag(kind): _reader(kind)
        for kind in (UserJoined, UserLeft, Counted, Typed, HasRead, Ask, Ping, NodeLeaving)
    },
    _tag(Happened): _happened,
    _tag(Snapshot): _roll,
}
