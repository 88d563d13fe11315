"""JSON in: how each command is read (PROTOCOL.md section 4).

Whatever arrives, `decode` raises nothing but `CommandError`.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import orjson
from cattrs import BaseValidationError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import make_converter

from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.messages import Command, SendMessage, SetTyping

T = TypeVar("T")

COMMANDS: Final[dict[str, type[Command]]] = {"message": SendMessage, "typing": SetTyping}
"""Each ``type`` a client may send."""

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


def _bad_request(message: str) -> CommandError:
    return CommandError(ErrorCode.BAD_REQUEST, message)


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
