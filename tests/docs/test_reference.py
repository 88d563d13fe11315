import json
import re
from pathlib import Path
from typing import get_args

import attrs
import pytest

import trio_chat
from docs._ext import reference
from trio_chat.errors import ErrorCode
from trio_chat.http import response
from trio_chat.metrics import Metrics
from trio_chat.protocol import events, messages
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import COMMANDS, NOT_ON_THE_WIRE
from trio_chat.protocol.encode import encode
from trio_chat.protocol.handshake import Refusal
from trio_chat.settings import Settings, flag_name

from .pages import DOCS, text

SOURCES = {
    path: path.read_text(encoding="utf-8")
    for path in Path(trio_chat.__file__).parent.rglob("*.py")
    if path.name not in {"close_codes.py", "errors.py"}
}


def test_reference_has_every_setting_with_a_reason() -> None:
    entries = "\n".join(reference.settings()).split("````{confval} ")[1:]
    assert [entry.split("\n")[0] for entry in entries] == [
        flag_name(field.name) for field in attrs.fields(Settings)
    ]
    assert all(re.search(r"\*Why:\* \S+ \S+", entry) for entry in entries)


def test_setting_without_a_comment_shares_the_reason_above() -> None:
    reasons = reference.reasons()
    assert reasons["message_burst"] == reasons["message_rate"]
    assert reasons["max_user_connections"] != reasons["max_connections"]


def test_server_exports_exactly_the_metrics_of_the_reference() -> None:
    rows = "\n".join(reference.metrics())
    names = re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)
    shown = re.findall(r"^# TYPE (\w+) ", Metrics().text().decode(), re.MULTILINE)
    ours = [name for name in shown if name.startswith("trio_chat_")]
    assert sorted(names) == sorted(name for name in ours if not name.endswith("_created"))


def test_http_page_lists_every_refusal() -> None:
    page = text("reference/http.md")
    known = [value for value in vars(response).values() if isinstance(value, Refusal)]
    assert known
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE)
    assert {(str(one.status), one.code) for one in known} < set(rows)


def test_server_sends_every_listed_close_code() -> None:
    named = {
        code
        for code in CloseCode
        if any(f"CloseCode.{code.name}" in one for one in SOURCES.values())
    }
    # trio-websocket reports protocol errors by itself, and echoes a client's own 1000.
    assert set(CloseCode) - named == {CloseCode.PROTOCOL_ERROR}


def test_wire_page_has_the_close_codes_of_the_code() -> None:
    assert "\n".join(reference.close_codes()) in text("reference/wire.md")


def test_wire_page_lists_the_error_codes_in_order() -> None:
    section = text("reference/wire.md").split("\n## Error codes\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(ErrorCode)


FILES = [
    path
    for folder in ("trio_chat", "tests", "docs", "static")
    for path in (DOCS.parent / folder).rglob("*")
    if path.suffix in {".py", ".js", ".md", ".css", ".html"}
]


def test_nothing_cites_files_outside_the_repository() -> None:
    cited = re.compile(r"\b(?:PROTOCOL|HTTP-API|HOUSE|DESIGN)(?:\.md)")
    citing = {str(path) for path in FILES if cited.search(path.read_text(encoding="utf-8"))}
    assert citing <= {__file__}


def test_every_cited_section_and_promise_exists_on_the_wire_page() -> None:
    page = text("reference/wire.md")
    headings = set(re.findall(r"^##+ (.+)$", page, re.MULTILINE))
    promises = set(re.findall(r"^(\d+)\. \*\*", page.split("\n## Promises\n")[1], re.MULTILINE))
    sources = [path.read_text(encoding="utf-8") for path in FILES if path.suffix in {".py", ".js"}]
    everything = "\n".join(sources)
    assert set(re.findall(r'reference/wire\.md, "([^"]+)"', everything)) <= headings
    assert set(re.findall(r"reference/wire\.md, promises? (\d)", everything)) <= promises


def rows_of_the_wire(heading: str) -> list[tuple[str, set[str]]]:
    """Return the types under a heading with their fields; optional ones end in ``?``."""
    section = text("reference/wire.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ((?:`\w+\??` ?)+)\|", section, re.MULTILINE)
    return [(kind, set(re.findall(r"[\w?]+", fields))) for kind, fields in rows]


def test_wire_page_lists_every_command_with_its_fields() -> None:
    expected = {}
    for kind, command in COMMANDS.items():
        names = {
            field.name.replace("is_typing", "isTyping")
            + ("" if field.default is attrs.NOTHING else "?")
            for field in attrs.fields(command)
            if field.name not in NOT_ON_THE_WIRE
        }
        expected[kind] = names
    assert dict(rows_of_the_wire("What a client sends")) == expected


EVENT = events.Event(1, "id", "general", events.Kind.MESSAGE, "ann", "hi", 0)
MESSAGES: list[messages.ServerMessage] = [
    attrs.evolve(EVENT, is_edited=True),
    attrs.evolve(EVENT, is_deleted=True),
    attrs.evolve(EVENT, kind=events.Kind.LEFT),
    attrs.evolve(EVENT, kind=events.Kind.EDITED, target="id", is_edited=True),
    attrs.evolve(EVENT, kind=events.Kind.EDITED, target="id", is_deleted=True),
    attrs.evolve(EVENT, kind=events.Kind.DELETED, target="id"),
    messages.Typing("general", "ann", is_typing=True, ts=0),
    messages.Presence("general", (), 0, 0),
    messages.PresenceChange("general", (), (), 0, 0),
    messages.History("general", (), more=False, ts=0, ref="r"),
    messages.Welcome(2, "ann", "d", messages.Limits(1, 1, 1, 1, 1, 1)),
    messages.Joined("general", "k", 0, 0, (), 0, {}, recovered=True, events=(), more=False),
    messages.HasRead("general", "ann", "Ann", 1),
    messages.Ack("r"),
    messages.Ack("r", "general", "id", 1),
    messages.TokenEnds(1),
    messages.Reconnect(1),
    messages.Heartbeat(0, {}),
    messages.Notice("general", "no", 0),
    messages.ErrorAnswer("internal", "no", 1, "r", "general"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_wire_page_lists_every_message_with_its_fields(message: messages.ServerMessage) -> None:
    sent = json.loads(encode(message))
    kind = sent.pop("type")
    assert any(
        {name for name in fields if not name.endswith("?")}
        <= sent.keys()
        <= {name.removesuffix("?") for name in fields}
        for each, fields in rows_of_the_wire("What the server sends")
        if each == kind
    )


def test_messages_cover_every_class_of_the_protocol() -> None:
    assert {type(frame) for frame in MESSAGES} == set(get_args(messages.ServerMessage))
