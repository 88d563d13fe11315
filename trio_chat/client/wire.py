"""Decodes the server's messages, and encodes the client's commands, as JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import orjson
from attrs import frozen
from cattrs import BaseValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import make_converter

from trio_chat.client.errors import WireError
from trio_chat.client.events import (
    Deleted,
    Edited,
    HistoryPage,
    LoggedEvent,
    Message,
    Notice,
    PresenceChanged,
    Read,
    Typing,
)
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.commands import (
    COMMANDS,
    NOT_ON_THE_WIRE,
    Command,
    Hello,
    wire_name,
)
from trio_chat.protocol.messages import (
    Ack,
    ErrorAnswer,
    Heartbeat,
    Limits,
    Reconnect,
    TokenEnds,
    Welcome,
)


@frozen
class JoinedMessage:
    """``joined`` with its history; see `trio_chat.protocol.messages`."""

    room: str
    epoch: str
    head: int
    read: int
    users: tuple[str, ...]
    count: int
    reads: dict[str, int]
    recovered: bool
    history: tuple[LoggedEvent, ...]
    more: bool
    ref: str | None = None


@frozen
class HistoryMessage:
    """``history``, the answer to a request."""

    room: str
    history: tuple[LoggedEvent, ...]
    more: bool
    ref: str | None = None

    def page(self) -> HistoryPage:
        """Return the page without the ref."""
        return HistoryPage(self.room, self.history, self.more)


ServerMessage = (
    LoggedEvent
    | JoinedMessage
    | HistoryMessage
    | PresenceChanged
    | Typing
    | Read
    | Welcome
    | Ack
    | ErrorAnswer
    | Heartbeat
    | TokenEnds
    | Reconnect
)

_LOGGED: Final[dict[str, type[LoggedEvent]]] = {
    "message": Message,
    "system": Notice,
    "edited": Edited,
    "deleted": Deleted,
}

_MESSAGES: Final[dict[str, type[ServerMessage]]] = {
    **_LOGGED,
    "joined": JoinedMessage,
    "history": HistoryMessage,
    "presence": PresenceChanged,
    "typing": Typing,
    "read": Read,
    "welcome": Welcome,
    "ack": Ack,
    "error": ErrorAnswer,
    "heartbeat": Heartbeat,
    "auth": TokenEnds,
    "reconnect": Reconnect,
}

_COMMANDS: Final[dict[type[Command | Hello], str]] = {
    Hello: "hello",
    **{command: kind for kind, command in COMMANDS.items()},
}

# Names on the wire that differ from the field in camelCase.
_WIRE_NAMES: Final[dict[tuple[type[Any], str], str]] = {
    (Message, "text"): "message",
    (Message, "is_edited"): "edited",
    (Message, "is_deleted"): "deleted",
    (Notice, "text"): "message",
    (Edited, "text"): "message",
    (Edited, "is_deleted"): "deleted",
    (Ack, "is_repeat"): "dup",
    (Heartbeat, "ts"): "time",
}


# `trio_chat.client.own` sets it.
_NOT_ON_THE_WIRE: Final = frozenset({"is_own"})


def parse(text: str) -> ServerMessage | None:
    """Decode a message of the server. Unknown keys are ignored.

    Returns:
        None for an unknown type.

    Raises:
        WireError: The text is no JSON object, or does not match its type.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WireError("The server sent text that is not JSON") from error
    kind = data.get("type") if isinstance(data, dict) else None
    if not isinstance(kind, str):
        raise WireError("The server sent a message without a type")
    message = _MESSAGES.get(kind)
    if message is None:
        return None
    try:
        return _DECODERS[message](data, message)
    except BaseValidationError as error:
        raise WireError(f"The server sent a malformed {kind}") from error


def write(command: Command | Hello) -> str:
    """Encode a command without its empty fields.

    Raises:
        CommandError: ``bad_request``: it has half a character (a lone surrogate).
    """
    fields = attrs.asdict(command, filter=_is_sent)
    named = {wire_name(name): value for name, value in fields.items()}
    try:
        return orjson.dumps({"type": _COMMANDS[type(command)], **named}).decode()
    except orjson.JSONEncodeError as error:
        message = "The text has half a character (a lone surrogate)"
        raise CommandError(ErrorCode.BAD_REQUEST, message) from error


def _is_sent(field: "attrs.Attribute[object]", value: object) -> bool:
    return value is not None and field.name not in NOT_ON_THE_WIRE


def _logged(data: Mapping[str, Any], _: object) -> LoggedEvent:
    kind = _LOGGED[data["type"]]
    return _DECODERS[kind](data, kind)  # type: ignore[return-value]


def _decoder(kind: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    renames = {
        each.name: override(
            rename=_WIRE_NAMES.get((kind, each.name), wire_name(each.name)),
            omit=each.name in _NOT_ON_THE_WIRE,
        )
        for each in attrs.fields(kind)
    }
    return make_dict_structure_fn(kind, converter, **renames)  # type: ignore[arg-type]


def _decoders() -> dict[type[Any], Callable[[Any, Any], ServerMessage]]:
    """Return the decoder of each type of message."""
    converter = make_converter(detailed_validation=True)
    converter.register_structure_hook(LoggedEvent, _logged)
    converter.register_structure_hook(Limits, _decoder(Limits, converter))
    return {kind: _decoder(kind, converter) for kind in _MESSAGES.values()}


_DECODERS: Final = _decoders()
