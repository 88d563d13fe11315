"""Encodes the server's messages as JSON (docs/reference/wire.md, "What the server sends").

`trio_chat.protocol.encodings` calls this for every message, so it is written by hand for speed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from trio_chat.protocol import messages
from trio_chat.protocol.events import NOTICES, Event, Kind
from trio_chat.protocol.messages import ServerMessage

MAX_HISTORY_BYTES: Final = 256 * 1024
"""The maximum size of the events in one ``history`` or ``joined`` (docs/reference/wire.md)."""

_QUARTER_SECONDS: Final = 15 * 60
"""Time zones change their offset only at multiples of this."""

# An enum lookup takes a tenth of the time for encoding a message.
_MESSAGE: Final = Kind.MESSAGE

_PLAIN_KINDS: Final = NOTICES | {Kind.MESSAGE, Kind.DAMAGED}

_TYPES: Final = {
    kind: "system" if kind in NOTICES or kind is Kind.DAMAGED else kind.value for kind in Kind
}
"""The ``type`` of each event on the wire."""

Fields = dict[str, object]


def encode(message: ServerMessage) -> bytes:
    """Return the JSON of a message, as UTF-8.

    If the events of a `History` or `Joined` exceed `MAX_HISTORY_BYTES`, the JSON has those that
    fit, and ``more`` is true.
    """
    return orjson.dumps(FIELDS[type(message)](message))


def encode_history(events: Sequence[Event]) -> bytes | None:
    """Return the JSON of a history that several clients share; None if it is too large."""
    fitting = _fitting(events)
    return b"[" + b",".join(fitting) + b"]" if len(fitting) == len(events) else None


def plain_events(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events for a plain connection: without deleted messages, edits and deletions."""
    return tuple(event for event in events if event.kind in _PLAIN_KINDS and not event.is_deleted)


@lru_cache(maxsize=8)
def _local_time(seconds: int) -> str:
    # The events of a history rarely share a second; `datetime` takes four times as long.
    minutes, second = divmod(seconds + _east_of_utc(seconds // _QUARTER_SECONDS), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours % 24:02}:{minute:02}:{second:02}"


@lru_cache(maxsize=64)
def _east_of_utc(quarter: int) -> int:
    """Return the offset of local time in seconds, in this quarter of an hour since 1970."""
    local = datetime.fromtimestamp(quarter * _QUARTER_SECONDS, UTC).astimezone()
    offset = local.utcoffset()
    assert offset is not None  # noqa: S101 - astimezone sets a zone
    return int(offset.total_seconds())


def _time(ts: int) -> str:
    return _local_time(ts // 1000)


def _event(event: Event) -> Fields:
    kind, ts = event.kind, event.ts
    fields: Fields = {
        "type": _TYPES[kind],
        "id": event.id,
        "seq": event.seq,
        "room": event.room,
        "username": event.username,
        "message": event.message,
        "time": _local_time(ts // 1000),
        "ts": ts,
    }
    if kind is not _MESSAGE:
        if kind in NOTICES:
            fields["kind"] = kind
        elif kind is Kind.DAMAGED:
            del fields["username"]
        else:
            fields["target"] = event.target
    if event.is_edited:
        fields["edited"] = True
    if event.is_deleted:
        fields["deleted"] = True
    return fields


def _fitting(events: Iterable[Event]) -> list[bytes]:
    """Return the JSON of the first events, as many as fit into one message."""
    fitting: list[bytes] = []
    size = 0
    for event in events:
        encoded = event.encoded or encode(event)
        if event.encoded is not None:  # other clients share the event
            event.encoded = encoded
        size += len(encoded)
        if size > MAX_HISTORY_BYTES:
            break
        fitting.append(encoded)
    return fitting


def _fragments(events: Sequence[Event], *, is_forward: bool = False) -> tuple[list[object], bool]:
    """Return the first or last events that fit into one message, and whether others do not."""
    sent = _fitting(events) if is_forward else _fitting(reversed(events))[::-1]
    return list(map(orjson.Fragment, sent)), len(sent) < len(events)


def _history(history: messages.History) -> Fields:
    events, is_cut = _fragments(history.events, is_forward=history.is_forward)
    return {
        "type": "history",
        "room": history.room,
        "history": events,
        "more": history.more or is_cut,
        "time": _time(history.ts),
        **_ref(history.ref),
    }


def _joined(joined: messages.Joined) -> Fields:
    events: object
    if joined.json is None:
        events, is_cut = _fragments(joined.events)
    else:
        events, is_cut = orjson.Fragment(joined.json), False
    return {
        "type": "joined",
        "room": joined.room,
        "epoch": joined.epoch,
        "head": joined.head,
        "read": joined.read,
        "users": joined.users,
        "count": joined.count,
        "reads": dict(joined.reads),
        "recovered": joined.recovered,
        "history": events,
        "more": joined.more or is_cut,
        **_ref(joined.ref),
    }


def _ref(ref: str | None) -> Mapping[str, str]:
    return {} if ref is None else {"ref": ref}


def ack_fields(ack: messages.Ack) -> Fields:
    """Return the fields of an `Ack`; the hub calls this for each acknowledged message."""
    if ack.id is None:
        return {"type": "ack", "ref": ack.ref}
    return {
        "type": "ack",
        "ref": ack.ref,
        "room": ack.room,
        "id": ack.id,
        "seq": ack.seq,
        "dup": ack.is_repeat,
    }


def _welcome(welcome: messages.Welcome) -> Fields:
    limits = welcome.limits
    rate = limits.rate_per_second
    return {
        "type": "welcome",
        "v": welcome.v,
        "username": welcome.username,
        "device": welcome.device,
        "limits": {
            "frameBytes": limits.frame_bytes,
            "messageChars": limits.message_chars,
            # 10, not 10.0: some typed languages do not read the latter as an integer.
            "ratePerSecond": int(rate) if rate == int(rate) else rate,
            "burst": limits.burst,
            "rooms": limits.rooms,
            "resume": limits.resume,
        },
    }


def _heartbeat(heartbeat: messages.Heartbeat) -> Fields:
    heads = {} if heartbeat.heads is None else {"heads": dict(heartbeat.heads)}
    return {"type": "heartbeat", "time": heartbeat.ts, **heads}


def _error(error: messages.ErrorAnswer) -> Fields:
    fields: Fields = {"type": "error", "code": error.code, "message": error.message}
    fields.update(_ref(error.ref))
    if error.room is not None:
        fields["room"] = error.room
    if error.retry_after_ms is not None:
        fields["retryAfterMs"] = error.retry_after_ms
    return fields


FIELDS: Final[Mapping[type[Any], Callable[[Any], Fields]]] = {
    Event: _event,
    messages.Typing: lambda typing: {
        "type": "typing",
        "room": typing.room,
        "username": typing.username,
        "isTyping": typing.is_typing,
        "time": _time(typing.ts),
    },
    messages.Presence: lambda presence: {
        "type": "presence",
        "room": presence.room,
        "users": presence.users,
        "count": presence.count,
        "time": _time(presence.ts),
    },
    messages.PresenceChange: lambda change: {
        "type": "presence",
        "room": change.room,
        "online": change.online,
        "offline": change.offline,
        "count": change.count,
        "time": _time(change.ts),
    },
    messages.History: _history,
    messages.Welcome: _welcome,
    messages.Joined: _joined,
    messages.HasRead: lambda read: {
        "type": "read",
        "room": read.room,
        "username": read.shown,
        "seq": read.seq,
    },
    messages.Ack: ack_fields,
    messages.TokenEnds: lambda ending: {"type": "auth", "expiresInMs": ending.expires_in_ms},
    messages.Reconnect: lambda reconnect: {"type": "reconnect", "afterMs": reconnect.after_ms},
    messages.Heartbeat: _heartbeat,
    messages.Notice: lambda notice: {
        "type": "system",
        "room": notice.room,
        "message": notice.message,
        "time": _time(notice.ts),
        "ts": notice.ts,
    },
    messages.ErrorAnswer: _error,
}
"""Returns the fields of each type of message. Hot paths use this instead of `encode`."""
