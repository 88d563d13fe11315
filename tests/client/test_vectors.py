"""The conversations of tests/vectors, which the JavaScript client runs too."""

import json
from pathlib import Path
from typing import Any

import pytest

from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.events import (
    Deleted,
    Disconnected,
    Edited,
    Event,
    Joined,
    LoggedEvent,
    Message,
    Notice,
)
from trio_chat.protocol.commands import SendMessage

VECTORS = sorted((Path(__file__).parent.parent / "vectors").glob("*.json"))

Json = dict[str, Any]


class Player:
    """A client protocol that plays a vector, and the rooms as a program would show them."""

    def __init__(self) -> None:
        self.protocol: ClientProtocol | None = None
        self.sent: list[Json] = []
        self.acknowledged: list[str] = []
        self.waiting: list[str] = []
        self.entries: dict[str, dict[str, Json]] = {}

    def play(self, step: Json) -> None:
        if rooms := step.get("connect"):
            self.protocol = self.protocol or ClientProtocol("ann", "d-1", rooms, {}, lambda: "r")
            self.protocol.connected()
            self.sent = []
            self._exchange()
            assert [message["rooms"] for message in self.sent] == [rooms]
            return
        assert self.protocol is not None
        if message := step.get("receive"):
            self.protocol.receive(json.dumps(message), 0.0)
        elif "lose" in step:
            self.protocol.disconnected(Disconnected("gone", step["lose"], 0.0))
        elif "send" in step:
            command = SendMessage(step["send"], "general", step["ref"])
            self.waiting.append(step["ref"])
            self.protocol.ask(command, step["ref"], lambda request: self._done(request.ref))
        else:
            sent = [message["ref"] for message in self.sent if message["type"] == "message"]
            assert sent == step["sent"]
        self._exchange()

    def _done(self, ref: str) -> None:
        self.waiting.remove(ref)
        self.acknowledged.append(ref)

    def _exchange(self) -> None:
        assert self.protocol is not None
        self.sent += map(json.loads, self.protocol.outgoing(0.0))
        while self.protocol.has_events():
            self._show(self.protocol.take())

    def _show(self, event: Event) -> None:
        match event:
            case Joined(is_resumed=False):
                self.entries[event.room] = {}
                for past in event.history:
                    self._log(past)
            case Message() | Notice() | Edited() | Deleted():
                self._log(event)

    def _log(self, event: LoggedEvent) -> None:
        entries = self.entries[event.room]
        match event:
            case Message():
                marks = {"isEdited": event.is_edited, "isDeleted": event.is_deleted}
                entry = {"seq": event.seq, "username": event.username, "text": event.text}
                entries[event.id] = entry | {name: True for name, is_set in marks.items() if is_set}
            case Notice():
                shown = {"seq": event.seq, "notice": event.kind, "username": event.username}
                entries[event.id] = shown
            case Edited() if event.target in entries and not event.is_deleted:
                entries[event.target] |= {"text": event.text, "isEdited": True}
            case Deleted() if event.target in entries:
                entries[event.target] |= {"text": "", "isDeleted": True}

    def rooms(self) -> Json:
        assert self.protocol is not None
        return {
            name: {
                "head": view.head,
                "read": view.read,
                "users": list(view.users),
                "count": view.count,
                "reads": {user: seq for user, seq in view.reads.items() if user != "ann"},
                "unread": sum(
                    entry["seq"] > view.read and entry["username"] != "ann"
                    for entry in self.entries[name].values()
                    if "text" in entry and "isDeleted" not in entry
                ),
                "entries": list(self.entries[name].values()),
            }
            for name, view in self.protocol.views().items()
        }


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_state_after_a_conversation_is_that_of_the_vector(path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    player = Player()
    for step in vector["steps"]:
        player.play(step)
    assert player.rooms() == vector["rooms"]
    assert player.acknowledged == vector["acknowledged"]
    assert player.waiting == vector["waiting"]
