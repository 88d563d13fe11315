"""The AsyncAPI document describes exactly the messages that the server reads and writes."""

import json
from collections.abc import Mapping
from itertools import product
from typing import get_args

import jsonschema
import pytest

from docs._ext import asyncapi
from trio_chat.errors import CommandError
from trio_chat.protocol import messages
from trio_chat.protocol.commands import COMMANDS, ReadHistory
from trio_chat.protocol.decode import decode, decode_hello
from trio_chat.protocol.encode import encode

from .test_reference import EVENT, MESSAGES

VALIDATORS = {
    title: jsonschema.Draft202012Validator(asyncapi.schema_of(title))
    for title in asyncapi.document()["components"]["schemas"]
}
SENT = {
    title: VALIDATORS[title]
    for title in asyncapi.document()["components"]["messages"]
    if title not in {"Hello", *(command.__name__ for command in COMMANDS.values())}
}


def test_committed_document_equals_the_generated_one() -> None:
    written = json.loads(asyncapi.DOCUMENT.read_text(encoding="utf-8"))
    assert written == asyncapi.document(), "run python -m docs._ext.asyncapi"


def test_each_schema_is_a_valid_json_schema() -> None:
    for title in VALIDATORS:
        jsonschema.Draft202012Validator.check_schema(asyncapi.schema_of(title))


def test_each_reference_resolves() -> None:
    document = asyncapi.document()

    def follow(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for one in value.values():
                follow(one)
        elif isinstance(value, list):
            for one in value:
                follow(one)

    follow(document)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_server_message_matches_exactly_one_schema(message: messages.ServerMessage) -> None:
    sent = json.loads(encode(message))
    fitting = [
        title
        for title, one in SENT.items()
        if one.is_valid(sent) and sent.keys() <= asyncapi.properties_of(title)
    ]
    assert len(fitting) == 1, (sent, fitting)


def test_document_covers_every_server_message() -> None:
    assert {one.made_of for one in asyncapi.SENT} == set(get_args(messages.ServerMessage))


def test_history_schema_requires_complete_events() -> None:
    history = json.loads(encode(messages.History("general", (EVENT,), more=False, ts=0)))
    assert SENT["History"].is_valid(history)
    del history["history"][0]["seq"]
    assert not SENT["History"].is_valid(history)


VALUES: list[object] = [
    *(None, True, -1, 0, 1, 2**53 - 1, 2**53, 0.5, "general", "", "a" * 65, "é", [], {}, ["a"]),
]
GOOD = {"since": 1, "before": 1, "after": 1, "limit": 1, "seq": 1, "isTyping": True}


def is_read(sent: Mapping[str, object]) -> bool:
    """Return whether the server accepts this as a command."""
    try:
        decode(json.dumps(sent))
    except CommandError:
        return False
    return True


@pytest.mark.parametrize("kind", COMMANDS)
def test_server_accepts_every_command_that_the_schema_allows(kind: str) -> None:
    title = COMMANDS[kind].__name__
    fields = asyncapi.properties_of(title) - {"type"}
    good = {"type": kind} | {name: GOOD.get(name, "general") for name in fields}
    assert VALIDATORS[title].is_valid(good)
    assert is_read(good)
    for name, value in product(fields, VALUES):
        sent = good | {name: value}
        assert is_read(sent) or not VALIDATORS[title].is_valid(sent), sent
    for name in fields:
        sent = {key: value for key, value in good.items() if key != name}
        assert is_read(sent) == VALIDATORS[title].is_valid(sent), sent


HELLO = {"type": "hello", "v": 2, "username": "ann", "rooms": {"general": {"since": 1}}}


@pytest.mark.parametrize(
    "changed",
    [{"v": 1}, {"rooms": []}, {"rooms": {"general": 1}}, {"rooms": {"general": {"since": "1"}}}],
)
def test_schema_rejects_each_hello_that_the_server_refuses(changed: dict[str, object]) -> None:
    assert VALIDATORS["Hello"].is_valid(HELLO)
    decode_hello(json.dumps(HELLO), 50)
    with pytest.raises(CommandError):
        decode_hello(json.dumps(HELLO | changed), 50)
    assert not VALIDATORS["Hello"].is_valid(HELLO | changed)


@pytest.mark.parametrize("limit", [0, 101])
def test_schema_rejects_a_limit_out_of_bounds(limit: int) -> None:
    assert not VALIDATORS[ReadHistory.__name__].is_valid({"type": "history", "limit": limit})
