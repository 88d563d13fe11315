"""Generates the AsyncAPI 3 document of the wire from the attrs classes of the protocol.

``python -m docs._ext.asyncapi`` writes it to docs/reference/wire.asyncapi.json. The types and the
required fields come from `trio_chat.protocol`; docs/reference/wire.md has the texts.
"""  # noqa: INP001 - Sphinx puts this folder on the path

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs

from trio_chat.access.names import MAX_NAME_CHARS
from trio_chat.errors import ErrorCode
from trio_chat.protocol import commands, events, messages
from trio_chat.protocol.commands import COMMANDS, wire_name
from trio_chat.protocol.decode import MAX_WHOLE, VERSION
from trio_chat.protocol.names import MAX_LABEL_CHARS, ROOM_PATTERN
from trio_chat.protocol.session import MAX_HISTORY_EVENTS

DOCUMENT: Final = Path(__file__).parent.parent / "reference" / "wire.asyncapi.json"

Schema = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_WHOLE: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_WHOLE}
_TYPES: Final[Mapping[object, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: _WHOLE,
    float: {"type": "number", "minimum": 0},
}

_SHARED: Final[Mapping[str, Schema]] = {
    "Room": {"type": "string", "pattern": f"^{ROOM_PATTERN}$"},
    "Label": {
        "description": "A ref, an id, or the client's secret: visible ASCII characters.",
        "type": "string",
        "pattern": f"^[!-~]{{1,{MAX_LABEL_CHARS}}}$",
    },
    "Username": {
        "description": "A name as the server displays it.",
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME_CHARS,
    },
    "Time": {
        "description": "The server's local time.",
        "type": "string",
        "pattern": "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$",
    },
}

# The shared schema of a field, by its name in the class.
_SPELLED: Final = {
    "room": "Room",
    "ref": "Label",
    "id": "Label",
    "device": "Label",
    "target": "Label",
    "username": "Username",
}

_WIRE_NAMES: Final = {"is_repeat": "dup", "is_edited": "edited", "is_deleted": "deleted"}
"""Fields whose name on the wire is not camelCase."""

_TRUE: Final[Schema] = {"const": True}


@attrs.frozen
class _Sent:
    """One shape of a message from the server.

    Attributes:
        title: The name of its message in the document.
        wire_type: Its ``type`` on the wire.
        made_of: The class whose fields it shows.
        fields: Their names in the class; those that may be missing end in ``?``.
        others: Fields of the wire that are written differently.
    """

    title: str
    wire_type: str
    made_of: type
    fields: str
    others: Mapping[str, Schema] = {}


_TIME: Final = {"time": {"$ref": "#/components/schemas/Time"}}
_SHOWN: Final = {"username": {"$ref": "#/components/schemas/Username"}}
_EDITED: Final = {"edited?": _TRUE}
_DELETED: Final = {"deleted?": _TRUE}
_KIND: Final = {"kind": {"enum": sorted(events.NOTICES)}}
_EVENTS: Final[Schema] = {
    "type": "array",
    "items": {
        "anyOf": [
            {"$ref": f"#/components/schemas/{one}"}
            for one in (
                "MessageEvent",
                "EditedEvent",
                "DeletedEvent",
                "NoticeEvent",
                "DamagedEvent",
            )
        ]
    },
}
_HISTORY: Final = {"history": _EVENTS}

SENT: Final = (
    _Sent(
        "MessageEvent",
        "message",
        events.Event,
        "id seq room username message ts",
        _TIME | _EDITED | _DELETED,
    ),
    _Sent(
        "EditedEvent",
        "edited",
        events.Event,
        "id seq room username message ts target",
        _TIME | _EDITED | _DELETED,
    ),
    _Sent(
        "DeletedEvent",
        "deleted",
        events.Event,
        "id seq room username message ts target",
        _TIME | _DELETED,
    ),
    _Sent("NoticeEvent", "system", events.Event, "id seq room username message ts", _TIME | _KIND),
    _Sent("DamagedEvent", "system", events.Event, "id seq room message ts", _TIME),
    _Sent("Notice", "system", messages.Notice, "room message ts", _TIME),
    _Sent("Typing", "typing", messages.Typing, "room username is_typing", _TIME),
    _Sent("Presence", "presence", messages.Presence, "room users count", _TIME),
    _Sent(
        "PresenceChange",
        "presence",
        messages.PresenceChange,
        "room online offline count",
        _TIME,
    ),
    _Sent("History", "history", messages.History, "room more ref?", _TIME | _HISTORY),
    _Sent("Welcome", "welcome", messages.Welcome, "v username device limits"),
    _Sent(
        "Joined",
        "joined",
        messages.Joined,
        "room epoch head read users count reads recovered more ref?",
        _HISTORY,
    ),
    _Sent("HasRead", "read", messages.HasRead, "room seq", _SHOWN),
    _Sent("Ack", "ack", messages.Ack, "ref"),
    _Sent("AckOfEvent", "ack", messages.Ack, "ref room id seq is_repeat"),
    _Sent("TokenEnds", "auth", messages.TokenEnds, "expires_in_ms"),
    _Sent("Reconnect", "reconnect", messages.Reconnect, "after_ms"),
    _Sent("Heartbeat", "heartbeat", messages.Heartbeat, "heads?", {"time": _WHOLE}),
    _Sent(
        "Error",
        "error",
        messages.ErrorAnswer,
        "message ref? room? retry_after_ms?",
        {"code": {"enum": list(ErrorCode)}},
    ),
)


def document() -> Schema:
    """Return the whole document."""
    received = {
        "Hello": _received("hello", commands.Hello),
        **{command.__name__: _received(kind, command) for kind, command in COMMANDS.items()},
    }
    sent = {one.title: _sent(one) for one in SENT}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "trio_chat",
            "version": str(VERSION),
            "description": (
                "One JSON object in each WebSocket text frame. wire.md has the contract in words: "
                "plain connections, order, resuming, limits, close codes."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "localhost:8080", "protocol": "ws"}},
        "channels": {
            "chat": {
                "address": "/ws",
                "messages": {
                    title: {"$ref": f"#/components/messages/{title}"}
                    for title in (*received, *sent)
                },
            }
        },
        "operations": {
            "receiveCommand": _operation("receive", "Commands from the client.", received),
            "sendMessage": _operation("send", "Messages from the server.", sent),
        },
        "components": {
            "messages": {
                title: {"title": title, "payload": {"$ref": f"#/components/schemas/{title}"}}
                for title in (*received, *sent)
            },
            "schemas": {**_SHARED, **received, **sent},
        },
    }


def schema_of(title: str) -> Schema:
    """Return one schema of the document as a JSON Schema of its own."""
    return {
        "$schema": _DRAFT,
        "$ref": f"#/components/schemas/{title}",
        "components": {"schemas": document()["components"]["schemas"]},
    }


def properties_of(title: str) -> set[str]:
    """Return the names of the fields of one message."""
    return set(document()["components"]["schemas"][title]["properties"])


def _operation(action: str, summary: str, titles: Mapping[str, Schema]) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/chat"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/chat/messages/{title}"} for title in titles],
    }


def _received(kind: str, made_of: type) -> Schema:
    """Return the schema of a command, which allows unknown keys and null for a missing field."""
    schema = _object_of(made_of)
    # A command without a type is a message.
    required = [] if kind == "message" else ["type"]
    schema["properties"] = {"type": {"const": kind}, **schema["properties"]}
    schema["required"] = [*required, *schema["required"]]
    if made_of is commands.ReadHistory:
        schema["properties"]["limit"]["anyOf"][0] |= {"minimum": 1, "maximum": MAX_HISTORY_EVENTS}
    if made_of is commands.Hello:
        schema["properties"]["v"] = {"const": VERSION}
        # The server prepares the name first, and a token may replace it.
        schema["properties"]["username"] = {"type": ["string", "null"]}
        schema["required"].remove("username")
    return schema


def _object_of(made_of: type) -> Schema:
    hints = get_type_hints(made_of)
    properties: Schema = {}
    required: list[str] = []
    for field in attrs.fields(made_of):
        if field.name in commands.NOT_ON_THE_WIRE:
            continue
        name = _on_the_wire(field.name)
        schema = _schema(field.name, hints[field.name])
        if field.default is attrs.NOTHING:
            required.append(name)
        else:
            schema = {"anyOf": [schema, {"type": "null"}]}
        properties[name] = schema
    return {"type": "object", "properties": properties, "required": required}


def _sent(one: _Sent) -> Schema:
    hints = get_type_hints(one.made_of)
    properties: Schema = {"type": {"const": one.wire_type}}
    required = ["type"]
    shown = {
        name: _schema(name.rstrip("?"), hints[name.rstrip("?")]) for name in one.fields.split()
    }
    for name, schema in (shown | one.others).items():
        wire_name = _on_the_wire(name.rstrip("?"))
        properties[wire_name] = schema
        if not name.endswith("?"):
            required.append(wire_name)
    return {"type": "object", "properties": properties, "required": required}


def _schema(name: str, hint: object) -> Schema:
    """Return the schema of a field, by its type, or by its name if the spelling is fixed."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if isinstance(hint, UnionType):
        schema = _schema(name, kinds[0])
    elif get_origin(hint) is Mapping:
        schema = {
            "type": "object",
            "propertyNames": _property_names(name),
            "additionalProperties": _schema("", kinds[1]),
        }
    elif get_origin(hint) is tuple:
        schema = {"type": "array", "items": {"$ref": "#/components/schemas/Username"}}
    elif isinstance(hint, type) and attrs.has(hint):
        schema = _object_of(hint)
    elif name in _SPELLED:
        schema = {"$ref": f"#/components/schemas/{_SPELLED[name]}"}
    else:
        schema = dict(_TYPES[hint])
    return schema


def _property_names(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{'Username' if name == 'reads' else 'Room'}"}


def _on_the_wire(name: str) -> str:
    return _WIRE_NAMES.get(name) or wire_name(name)


if __name__ == "__main__":
    DOCUMENT.write_text(json.dumps(document(), indent=2) + "\n", encoding="utf-8")
