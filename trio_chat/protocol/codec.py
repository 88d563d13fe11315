"""JSON in and JSON out: the only place that knows the names on the wire.

Whatever arrives, `decode` raises nothing but `CommandError`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import attrs
import orjson
from cattrs import BaseValidationError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import make_converter

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.messages import (
    Command,
    ErrorAnswer,
    Event,
    Frame,
    Heartbeat,
    History,
    Notice,
    Presence,
    SendMessage,
    SetTyping,
    Typing,
)

T = TypeVar("T")

COMMANDS: Final[dict[str, type[Command]]] = {"message": SendMessage, "typing": SetTyping}
"""Each ``type`` a client may send."""

MAX_HISTORY_BYTES: Final = 256 * 1024
"""The most JSON of events in one ``history`` (PROTOCOL.md section 3)."""

_WIRE_NAMES: Final = {"is_typing": "isTyping"}


def decode(text: str | bytes) -> Command:
    """Read one JSON object as a command. Unknown keys are ignored.

    Raises:
        CommandError: ``bad_request``, for anything else: no JSON, nested too deeply, not an object,
            an unknown type, a missing key, a value of the wrong JSON type.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad_request("This is not valid JSON") from error
    if not isinstance(data, dict):
        raise _bad_request("A JSON object is expected")
    kind = data.get("type", "message")
    command = COMMANDS.get(kind) if isinstance(kind, str) else None
    if command is None:
        raise _bad_request("The type is unknown")
    try:
        return _DECODERS[command](data, command)
    except BaseValidationError as error:
        raise _bad_request(f"This is not a valid {kind}") from error


def encode(frame: Frame) -> bytes:
    """Write one frame's JSON, as UTF-8."""
    return orjson.dumps(_ENCODERS[type(frame)](frame))


def _bad_request(message: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, message)


# --- in: strict types, one error ---------------------------------------------------------------


def _strict(kind: type[T]) -> Callable[[object, Any], T]:
    """Take no other JSON type: cattrs alone turns 5 into "5" and "no" into True."""

    def structure(value: object, _: type[T]) -> T:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected")
        return value

    return structure


def _decoders() -> dict[type[Command], Callable[[Any, Any], Command]]:
    """Make the function that reads each command."""
    converter = make_converter(detailed_validation=True)
    converter.register_structure_hook(str, _strict(str))
    converter.register_structure_hook(bool, _strict(bool))
    decoders: dict[type[Command], Callable[[Any, Any], Command]] = {}
    for command in COMMANDS.values():
        renames = {
            field.name: override(rename=_WIRE_NAMES[field.name])
            for field in attrs.fields(command)
            if field.name in _WIRE_NAMES
        }
        decoders[command] = make_dict_structure_fn(command, converter, **renames)  # type: ignore[arg-type]
    return decoders


_DECODERS: Final = _decoders()

# --- out: by hand, since this is the way of every message ---------------------------------------


@lru_cache(maxsize=8)
def _local_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%H:%M:%S")


def _time(ts: int) -> str:
    """``HH:MM:SS`` in the server's local time, of milliseconds since 1970 UTC."""
    return _local_time(ts // 1000)


def _event(event: Event) -> dict[str, object]:
    fields: dict[str, object] = {
        "type": event.kind,
        "id": event.id,
        "seq": event.seq,
        "room": event.room,
    }
    if event.username is not None:
        fields["username"] = event.username
    fields["message"] = event.message
    fields["time"] = _time(event.ts)
    fields["ts"] = event.ts
    return fields


def _typing(typing: Typing) -> dict[str, object]:
    return {
        "type": "typing",
        "room": typing.room,
        "username": typing.username,
        "isTyping": typing.is_typing,
        "time": _time(typing.ts),
    }


def _presence(presence: Presence) -> dict[str, object]:
    return {
        "type": "presence",
        "room": presence.room,
        "users": presence.users,
        "count": presence.count,
        "time": _time(presence.ts),
    }


def _history(history: History) -> dict[str, object]:
    events: list[orjson.Fragment] = []
    size = 0
    for event in reversed(history.events):
        encoded = orjson.dumps(_event(event))
        size += len(encoded)
        if size > MAX_HISTORY_BYTES:
            break
        events.append(orjson.Fragment(encoded))
    return {
        "type": "history",
        "room": history.room,
        "history": events[::-1],
        "more": history.more or len(events) < len(history.events),
        "time": _time(history.ts),
    }


def _heartbeat(heartbeat: Heartbeat) -> dict[str, object]:
    return {"type": "heartbeat", "time": heartbeat.ts}


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "type": "system",
        "room": notice.room,
        "message": notice.message,
        "time": _time(notice.ts),
        "ts": notice.ts,
    }


def _error(error: ErrorAnswer) -> dict[str, object]:
    waiting = {} if error.retry_after_ms is None else {"retryAfterMs": error.retry_after_ms}
    return {"type": "error", "code": error.code, "message": error.message, **waiting}


_ENCODERS: Final[dict[type[Any], Callable[[Any], dict[str, object]]]] = {
    Event: _event,
    Typing: _typing,
    Presence: _presence,
    History: _history,
    Heartbeat: _heartbeat,
    Notice: _notice,
    ErrorAnswer: _error,
}
