"""Decodes the JSON that clients send into commands (docs/reference/wire.md).

`trio_chat.protocol.session` calls `decode` for each message. Types are strict, unknown keys are
ignored, and null means that a key is missing. Invalid input of any kind raises `CommandError` with
``bad_request`` and nothing else; the error has the ref and the room of the faulty object.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_args, get_type_hints

import attrs
import orjson

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    COMMANDS,
    NOT_ON_THE_WIRE,
    Command,
    Hello,
    SendMessage,
    Since,
    wire_name,
)
from trio_chat.protocol.names import name_subject

T = TypeVar("T")
Object = dict[str, Any]

VERSION: Final = 2

MAX_WHOLE: Final = 2**53 - 1
"""The largest integer that JavaScript represents exactly."""

LARGE_CHARS: Final = 1024
"""Decoding a message of at most this length takes microseconds, whatever it holds. A longer one
costs a token of the user's message rate, whatever it turns out to be."""

OTHER_PARTS: Final = 64
"""Values allowed besides the text: more than all keys of all commands."""

_BLANKS: Final = " \t\r\n"

# Find a key and its value. JSON escapes quotes inside strings, so these never match a text.
_LABELS: Final = [
    re.compile(rf'(?<!\\)"{key}"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]{{1,64}})"')
    for key in ("ref", "room")
]


def decode(text: str | bytes, default_room: str = "") -> Command:
    """Decode a JSON object as a command, for ``default_room`` if it names no room.

    An object without a ``type`` is a message.
    """
    data = _object(text)
    kind = data.get("type", "message")
    reader = _READERS.get(kind, _unknown) if isinstance(kind, str) else _unknown
    try:
        return reader(data, default_room)
    except CommandError as error:
        name_subject(error, data.get("ref"), data.get("room"))
        raise


def decode_hello(text: str | bytes, max_rooms: int) -> Hello:
    """Decode the first message of version 2. The username is empty if the client gives none."""
    data = _object(text)
    try:
        return _hello(data, max_rooms)
    except CommandError as error:
        name_subject(error, data.get("ref"), None)
        raise


def check_shape(text: str, max_text_chars: int) -> None:
    """Refuse a large text that is not an object or has thousands of parts, without decoding it.

    Decoding 20,000 empty objects holds the event loop for a millisecond; counting their commas
    takes a hundredth of that. An object with more commas than ``max_text_chars`` and `OTHER_PARTS`
    holds a longer message (``too_large``), or values that no command has.
    """
    if not text.lstrip(_BLANKS).startswith("{"):
        raise _bad_request("The message must be a JSON object")
    if text.count(",") > max_text_chars + OTHER_PARTS:
        error = CommandError(ErrorCode.TOO_LARGE, "The message is too long, or has too many parts")
        ref, room = (pattern.search(text) for pattern in _LABELS)
        name_subject(error, ref and ref[1], room and room[1])
        raise error


def _object(text: str | bytes) -> Object:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad_request("The message is not valid JSON") from error
    if not isinstance(data, dict):
        raise _bad_request("The message must be a JSON object")
    return data


def _bad_request(message: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, message)


def _invalid(kind: str, key: str) -> CommandError:
    return _bad_request(f"Invalid {kind}: check {key}")


def _unknown(_: Object, __: str) -> Command:
    raise _bad_request("Unknown type")


def _message(data: Object, default_room: str) -> SendMessage:
    """Decode a message by hand: `_reader` takes twice as long, for each message."""
    message, room, ref = data.get("message"), data.get("room"), data.get("ref")
    if not isinstance(message, str):
        raise _invalid("message", "message")
    if room is None:
        room = default_room
    elif not isinstance(room, str):
        raise _invalid("message", "room")
    if ref is not None and not isinstance(ref, str):
        raise _invalid("message", "ref")
    return SendMessage(message, room, ref)


def _reader(kind: str, made_of: type[T]) -> Callable[[Object, str], T]:
    """Return the function that decodes an object of this type."""
    hints = get_type_hints(made_of)
    fields = [
        (field.name, wire_name(field.name), field.default is attrs.NOTHING)
        for field in attrs.fields(made_of)  # type: ignore[arg-type]
        if field.name not in NOT_ON_THE_WIRE
    ]
    types = {name: (get_args(hints[name]) or [hints[name]])[0] for name, _, _ in fields}
    has_default_room = ("room", "room", False) in fields

    def read(data: Object, default_room: str) -> T:
        values: Object = {"room": default_room} if has_default_room else {}
        for name, key, is_required in fields:
            value = data.get(key)
            if value is not None:
                if type(value) is not types[name] or not _is_in_range(value):
                    raise _invalid(kind, key)
                values[name] = value
            elif is_required:
                raise _invalid(kind, key)
        return made_of(**values)

    return read


def _is_in_range(value: object) -> bool:
    return not isinstance(value, int) or 0 <= value <= MAX_WHOLE


def _hello(data: Object, max_rooms: int) -> Hello:
    if data.get("type") != "hello":
        raise _bad_request("The first message must be a user name, or an object of type hello")
    version = data.get("v")
    if type(version) is not int or version != VERSION:
        raise _bad_request(f"Unsupported version: v must be {VERSION}")
    rooms = data.get("rooms")
    if isinstance(rooms, dict) and len(rooms) > max_rooms:
        raise _bad_request(f"A connection may be in at most {max_rooms} rooms")
    for key, kind in (("username", str), ("device", str), ("rooms", dict)):
        if not isinstance(data.get(key), kind | None):
            raise _invalid("hello", key)
    known: dict[str, Since] = {}
    for room, since in (rooms or {}).items():
        if not isinstance(since, dict):
            raise _invalid("hello", "rooms")
        known[room] = _read_since(since, "")
    return Hello(VERSION, data.get("username") or "", data.get("device"), known)


_read_since: Final = _reader("hello", Since)

_READERS: Final[Mapping[str, Callable[[Object, str], Command]]] = {
    **{kind: _reader(kind, command) for kind, command in COMMANDS.items()},
    "message": _message,
}
