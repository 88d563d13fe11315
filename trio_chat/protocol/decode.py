"""Decodes the JSON that clients send into commands (docs/reference/wire.md).

`trio_chat.protocol.session` calls `decode` for each message. Types are strict, unknown keys are
ignored, and null means that a key is missing. Invalid input of any kind raises `CommandError` and
nothing else; the error carries the ref and the room of the faulty object.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import orjson
from cattrs import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import make_converter

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    NOT_ON_THE_WIRE,
    Command,
    DeleteMessage,
    EditMessage,
    Hello,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    ReadMarker,
    RefreshToken,
    SendMessage,
    SetTyping,
    Since,
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

COMMANDS: Final[Mapping[str, type[Command]]] = {
    "message": SendMessage,
    "typing": SetTyping,
    "join": JoinRoom,
    "leave": LeaveRoom,
    "history": ReadHistory,
    "read": ReadMarker,
    "edit": EditMessage,
    "delete": DeleteMessage,
    "auth": RefreshToken,
}
"""Each ``type`` that a client may send after the first frame."""

_NAMES_ITS_ROOM: Final = frozenset({JoinRoom, LeaveRoom})
"""Commands to which the default room does not apply."""

_WIRE_NAMES: Final = {"is_typing": "isTyping"}


def decode(text: str | bytes, default_room: str = "") -> Command:
    """Decode one JSON object as a command; an object without a ``type`` is a message.

    Args:
        text: The JSON.
        default_room: The room of a command that names none.

    Raises:
        CommandError: ``bad_request``: invalid JSON, nested too deeply, not an object, an unknown
            type, a missing key, or a value of the wrong type.
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
    """Decode the first frame of version 2.

    Args:
        text: The JSON.
        max_rooms: The maximum number of rooms. With more, no room is decoded.

    Returns:
        The hello. Its username is empty if the client gives none.

    Raises:
        CommandError: ``bad_request``, as for `decode`; also for another version or too many rooms.
    """
    data = _object(text)
    try:
        return _hello(data, max_rooms)
    except CommandError as error:
        name_subject(error, data.get("ref"), None)
        raise


def check_shape(text: str, max_text_chars: int) -> None:
    """Refuse a large text that is not an object or has thousands of parts, without decoding it.

    Decoding 20,000 empty objects holds the event loop for a millisecond; counting their commas
    takes a hundredth of that.

    Args:
        text: JSON of more than `LARGE_CHARS`.
        max_text_chars: The maximum length of a message. An object with more commas than this and
            `OTHER_PARTS` holds a longer message, or values that no command has.

    Raises:
        CommandError: ``bad_request`` or ``too_large``, with the ref and the room if found.
    """
    if not text.lstrip(_BLANKS).startswith("{"):
        raise _bad_request("The message must be a JSON object")
    if text.count(",") > max_text_chars + OTHER_PARTS:
        error = CommandError(ErrorCode.TOO_LARGE, "The message is too long, or has too many parts")
        name_subject(error, _label(text, "ref"), _label(text, "room"))
        raise error


_BLANKS: Final = " \t\r\n"

_LABELS: Final = {
    key: re.compile(rf'(?<!\\)"{key}"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]{{1,64}})"')
    for key in ("ref", "room")
}
"""Finds a key and its value. JSON escapes quotes inside strings, so this never matches a text."""


def _label(text: str, key: str) -> str | None:
    found = _LABELS[key].search(text)
    return found[1] if found else None


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


# --- one command -------------------------------------------------------------------------------


def _message(data: Object, default_room: str) -> SendMessage:
    """Decode a message by hand: cattrs takes four times as long, for each message."""
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


def _unknown(_: Object, __: str) -> Command:
    raise _bad_request("Unknown type")


def _hello(data: Object, max_rooms: int) -> Hello:
    if data.get("type") != "hello":
        raise _bad_request("The first message must be a user name, or an object of type hello")
    version, rooms = data.get("v"), data.get("rooms")
    if type(version) is not int or version != VERSION:
        raise _bad_request(f"Unsupported version: v must be {VERSION}")
    if isinstance(rooms, dict) and len(rooms) > max_rooms:
        raise _bad_request(f"A connection may be in at most {max_rooms} rooms")
    return _read_hello({"username": "", **_without_nulls(data)}, "")


def _invalid(kind: str, key: str) -> CommandError:
    return _bad_request(f"Invalid {kind}: check {key}")


# --- by cattrs: strict types, one error --------------------------------------------------------


def _strict(kind: type[T]) -> Callable[[object, Any], T]:
    """Return a hook that accepts only this type: cattrs turns 5 into "5" and "no" into True."""

    def structure(value: object, _: object) -> T:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected")
        return value

    return structure


def _whole(value: object, _: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_WHOLE:
        raise ValueError(f"an integer from 0 to {MAX_WHOLE} expected")
    return value


_converter: Final = make_converter(detailed_validation=True)
_converter.register_structure_hook(str, _strict(str))
_converter.register_structure_hook(bool, _strict(bool))
_converter.register_structure_hook(int, _whole)

_check_object: Final = _strict(dict)
_structure_since: Final = make_dict_structure_fn(Since, _converter)


def _rooms(value: object, _: object) -> dict[str, Since]:
    return {
        room: _structure_since(_check_object(since, dict), Since)
        for room, since in _check_object(value, dict).items()
    }


def _reader(kind: str, command: type[T], **overrides: Any) -> Callable[[Object, str], T]:  # noqa: ANN401 - as cattrs has it
    """Return the function that decodes an object of this type."""
    for field in attrs.fields(command):  # type: ignore[arg-type]
        if field.name in _WIRE_NAMES:
            overrides[field.name] = override(rename=_WIRE_NAMES[field.name])
        elif field.name in NOT_ON_THE_WIRE:
            overrides[field.name] = override(omit=True)
    structure = make_dict_structure_fn(command, _converter, **overrides)
    has_default_room = command not in _NAMES_ITS_ROOM

    def read(data: Object, default_room: str) -> T:
        fields = _without_nulls(data)
        if has_default_room:
            fields.setdefault("room", default_room)
        try:
            return structure(fields, command)
        except ClassValidationError as error:
            raise _invalid(kind, _culprit(error)) from error

    return read


def _without_nulls(data: Object) -> Object:
    return {key: value for key, value in data.items() if value is not None}


def _culprit(error: ClassValidationError) -> str:
    """Return the wire name of the first key that is missing or wrong."""
    cause, note = error.group_exceptions()[0][0]
    if isinstance(cause, ClassValidationError):
        return _culprit(cause)
    return _WIRE_NAMES.get(note.name, note.name)


_read_hello: Final = _reader("hello", Hello, rooms=override(struct_hook=_rooms))

_READERS: Final[Mapping[str, Callable[[Object, str], Command]]] = {
    **{kind: _reader(kind, command) for kind, command in COMMANDS.items()},
    "message": _message,
}
