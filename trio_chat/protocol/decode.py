"""JSON in: how each command is read (docs/reference/wire.md).

Types are strict, keys that are not known are passed over, and null is the same as nothing. Whatever
arrives, nothing but `CommandError` is raised; it has the ref and the room of the object at fault.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import orjson
from cattrs import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import make_converter

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    Command,
    DeleteMessage,
    EditMessage,
    Hello,
    JoinRoom,
    LeaveRoom,
    ReadHistory,
    ReadUpTo,
    RefreshToken,
    SendMessage,
    SetTyping,
    Since,
)
from trio_chat.protocol.spelling import say_what_it_is_about

T = TypeVar("T")
Object = dict[str, Any]

VERSION: Final = 2

MAX_WHOLE: Final = 2**53 - 1
"""The highest number that a client in JavaScript tells from the next one."""

COMMANDS: Final[Mapping[str, type[Command]]] = {
    "message": SendMessage,
    "typing": SetTyping,
    "join": JoinRoom,
    "leave": LeaveRoom,
    "history": ReadHistory,
    "read": ReadUpTo,
    "edit": EditMessage,
    "delete": DeleteMessage,
    "auth": RefreshToken,
}
"""Each ``type`` that a client may send after the first frame."""

_WIRE_NAMES: Final = {"is_typing": "isTyping"}


def decode(text: str | bytes) -> Command:
    """Read one JSON object as a command; without a ``type`` it is a message.

    Raises:
        CommandError: ``bad_request``, for anything else: no JSON, nested too deeply, not an object,
            an unknown type, a missing key, a value of the wrong JSON type.
    """
    data = _object(text)
    kind = data.get("type", "message")
    reader = _READERS.get(kind, _unknown) if isinstance(kind, str) else _unknown
    try:
        return reader(data)
    except CommandError as error:
        say_what_it_is_about(error, data.get("ref"), data.get("room"))
        raise


def decode_hello(text: str | bytes, max_rooms: int) -> Hello:
    """Read the first frame of version 2.

    Args:
        text: The frame.
        max_rooms: The most rooms that it may ask for; beyond that they are not even looked at.

    Returns:
        The hello; without a username, an empty one.

    Raises:
        CommandError: ``bad_request``, as for `decode`, and for another version or too many rooms.
    """
    data = _object(text)
    try:
        return _hello(data, max_rooms)
    except CommandError as error:
        say_what_it_is_about(error, data.get("ref"), None)
        raise


def _object(text: str | bytes) -> Object:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad_request("This is not valid JSON") from error
    if not isinstance(data, dict):
        raise _bad_request("A JSON object is expected")
    return data


def _bad_request(message: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, message)


# --- one command -------------------------------------------------------------------------------


def _message(data: Object) -> SendMessage:
    """By hand, as this is the way of every message: a quarter of the time that cattrs takes."""
    message, room, ref = data.get("message"), data.get("room"), data.get("ref")
    if not isinstance(message, str):
        raise _bad_request("This is not a valid message (message)")
    if room is not None and not isinstance(room, str):
        raise _bad_request("This is not a valid message (room)")
    if ref is not None and not isinstance(ref, str):
        raise _bad_request("This is not a valid message (ref)")
    return SendMessage(message, room, ref)


def _unknown(_: Object) -> Command:
    raise _bad_request("The type is unknown")


def _hello(data: Object, max_rooms: int) -> Hello:
    if data.get("type") != "hello":
        raise _bad_request("The first frame must be a user name, or an object of type hello")
    version, rooms = data.get("v"), data.get("rooms")
    if type(version) is not int or version != VERSION:
        raise _bad_request(f"The version, v, must be {VERSION}")
    if isinstance(rooms, dict) and len(rooms) > max_rooms:
        raise _bad_request(f"Nobody may be in more than {max_rooms} rooms")
    return _read_hello({"username": "", **_without_nulls(data)})


# --- by cattrs: strict types, one error --------------------------------------------------------


def _strict(kind: type[T]) -> Callable[[object, Any], T]:
    """Take no other JSON type: cattrs alone turns 5 into "5" and "no" into True."""

    def structure(value: object, _: object) -> T:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected")
        return value

    return structure


def _whole(value: object, _: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_WHOLE:
        raise ValueError(f"a whole number from 0 to {MAX_WHOLE} expected")
    return value


_converter: Final = make_converter(detailed_validation=True)
_converter.register_structure_hook(str, _strict(str))
_converter.register_structure_hook(bool, _strict(bool))
_converter.register_structure_hook(int, _whole)

_take_object: Final = _strict(dict)
_structure_since: Final = make_dict_structure_fn(Since, _converter)


def _rooms(value: object, _: object) -> dict[str, Since]:
    return {
        room: _structure_since(_take_object(since, dict), Since)
        for room, since in _take_object(value, dict).items()
    }


def _reader(kind: str, command: type[T], **overrides: Any) -> Callable[[Object], T]:  # noqa: ANN401 - as cattrs has it
    """Make the function that reads an object of this type."""
    for field in attrs.fields(command):  # type: ignore[arg-type]
        if field.name in _WIRE_NAMES:
            overrides[field.name] = override(rename=_WIRE_NAMES[field.name])
    structure = make_dict_structure_fn(command, _converter, **overrides)

    def read(data: Object) -> T:
        try:
            return structure(_without_nulls(data), command)
        except ClassValidationError as error:
            raise _bad_request(f"This is not a valid {kind} ({_culprit(error)})") from error

    return read


def _without_nulls(data: Object) -> Object:
    return {key: value for key, value in data.items() if value is not None}


def _culprit(error: ClassValidationError) -> str:
    """The key on the wire that is missing or wrong; the first, if there are several."""
    cause, note = error.group_exceptions()[0][0]
    if isinstance(cause, ClassValidationError):
        return _culprit(cause)
    return _WIRE_NAMES.get(note.name, note.name)


_read_hello: Final = _reader("hello", Hello, rooms=override(struct_hook=_rooms))

_READERS: Final[Mapping[str, Callable[[Object], Command]]] = {
    **{kind: _reader(kind, command) for kind, command in COMMANDS.items()},
    "message": _message,
}
