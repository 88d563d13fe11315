"""Single facts; `test_client_protocol_anything` shows what always holds."""

import itertools
import json
from unittest.mock import patch

import pytest
from attrs import define, field

from tests.client.model import ModelServer, Peer
from trio_chat.client import inbox
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.errors import WireError
from trio_chat.client.events import (
    Connected,
    Disconnected,
    Event,
    Gap,
    Joined,
    Message,
    PresenceChanged,
    Problem,
    Read,
    Seen,
)
from trio_chat.errors import CommandError
from trio_chat.protocol.commands import JoinRoom, LeaveRoom, SendMessage


@define(eq=False)
class ModelledClient:
    """A client protocol, connected to a model of the server."""

    rooms: tuple[str, ...] = ("general",)
    seen: dict[str, Seen] = field(factory=dict)
    server: ModelServer = field(factory=ModelServer)
    now: float = 0.0
    peer: Peer = field(factory=Peer)
    protocol: ClientProtocol = field(init=False)

    def __attrs_post_init__(self) -> None:
        numbers = itertools.count(1)
        self.protocol = ClientProtocol(
            "ann", "secret", self.rooms, self.seen, lambda: f"r{next(numbers)}"
        )

    def connect(self) -> None:
        if self.peer in self.server.peers:
            self.server.cut(self.peer)
            self.protocol.disconnected(Disconnected("gone", None, 1.0))
        self.peer = self.server.connect()
        self.protocol.connected()
        self.exchange()

    def exchange(self, seconds: float = 0.0) -> None:
        """Deliver all pending messages, both ways."""
        self.now += seconds
        while (texts := self.protocol.outgoing(self.now)) or self.peer.sent:
            for text in texts:
                self.server.receive(self.peer, text)
            while self.peer.sent:
                self.receive(**self.peer.sent.popleft())

    def receive(self, **message: object) -> None:
        self.protocol.receive(json.dumps(message), self.now)

    def events(self) -> list[Event]:
        events = []
        while self.protocol.has_events():
            events.append(self.protocol.take())
        return events

    def message_seqs(self) -> list[int]:
        return [event.seq for event in self.events() if isinstance(event, Message)]

    def sent(self, kind: str) -> list[dict[str, object]]:
        return [message for message in self.peer.received if message["type"] == kind]


@pytest.fixture
def client() -> ModelledClient:
    made = ModelledClient()
    made.connect()
    made.events()
    return made


def without_general(**error: object) -> ModelledClient:
    """Return a client that asked for two rooms and received this error for one."""
    client = ModelledClient(("general", "dev"))
    client.protocol.connected()
    client.protocol.outgoing(0.0)
    client.peer = client.server.connect()
    hello = {"type": "hello", "username": "ann", "device": "secret", "rooms": {"dev": {}}}
    client.server.receive(client.peer, json.dumps(hello))
    client.receive(type="error", message="no", room="general", **error)
    client.exchange()
    return client


def test_an_unavailable_room_is_joined_again() -> None:
    client = without_general(code="unavailable", retryAfterMs=3000)
    assert client.events()[0] == Problem("unavailable", "no", "general")
    assert client.protocol.is_ready
    assert list(client.protocol.views()) == ["dev"]
    assert client.protocol.due() == 3.0
    client.exchange(3.0)
    assert sorted(client.protocol.views()) == ["dev", "general"]


def test_a_damaged_room_is_joined_again_on_the_next_connection() -> None:
    client = without_general(code="internal")
    client.exchange(3600.0)
    assert list(client.protocol.views()) == ["dev"]
    client.connect()
    client.exchange()
    assert sorted(client.protocol.views()) == ["dev", "general"]


def test_a_client_may_leave_all_rooms(client: ModelledClient) -> None:
    client.protocol.ask(LeaveRoom("general", "l"), "l", lambda _: None)
    client.exchange()
    client.connect()
    assert client.sent("hello")[0]["rooms"] == {}
    assert client.peer.rooms == set()
    assert client.protocol.is_ready


def test_a_cancelled_join_leaves_the_room(client: ModelledClient) -> None:
    request = client.protocol.ask(JoinRoom("dev", ref="j"), "j", lambda _: None)
    (text,) = client.protocol.outgoing(0.0)
    client.protocol.forget(request)
    client.server.receive(client.peer, text)
    client.exchange()
    assert client.peer.rooms == {"general"}


def test_a_store_that_lost_its_end_is_a_gap(client: ModelledClient) -> None:
    for number in range(3):
        client.server.send_message("general", str(number))
    client.exchange()
    client.events()
    del client.server.stores["general"][1:]
    client.connect()
    _, gap, joined, connected = client.events()
    assert gap == Gap("general", 3)
    assert isinstance(joined, Joined)
    assert (joined.is_resumed, joined.head) == (False, 1)
    assert connected == Connected("ann")


def test_a_replaced_store_begins_anew_on_the_same_connection(client: ModelledClient) -> None:
    for number in range(3):
        client.server.send_message("general", str(number))
    client.exchange()
    client.protocol.mark_read("general", 3)
    client.exchange(1.0)
    client.events()
    outcomes: list[object] = []
    client.protocol.ask(SendMessage("hello", "general", "m"), "m", outcomes.append)
    client.protocol.outgoing(client.now)
    kept = {"id": "k", "seq": 1, "room": "general", "time": "12:00:00", "ts": 1}
    first = {"type": "message", "username": "bob", "message": "kept", **kept}
    state = {"head": 1, "read": 1, "users": ["ann", "bob"], "count": 2, "reads": {"bob": 1}}
    history = {"recovered": False, "history": [first], "more": False}
    client.receive(type="joined", room="general", epoch="another", **state, **history)
    gap, joined = client.events()
    assert gap == Gap("general", 3)
    assert isinstance(joined, Joined)
    assert (joined.is_resumed, joined.head, joined.read) == (False, 1, 1)
    assert [event.seq for event in joined.history] == [1]
    view = client.protocol.views()["general"]
    assert (view.head, view.read, view.reads) == (1, 1, {"bob": 1})
    client.receive(type="ack", ref="m", room="general", id="n", seq=2, dup=False)
    client.receive(**{**first, "id": "n", "seq": 2, "username": "ann", "message": "hello"})
    assert client.message_seqs() == [2]
    assert len(outcomes) == 1
    client.connect()
    assert client.sent("hello")[0]["rooms"] == {"general": {"since": 2, "epoch": "another"}}


def test_missing_history_ends_the_connection(client: ModelledClient) -> None:
    client.peer.skips = 1
    client.server.send_message("general", "lost")
    client.server.send_message("general", "seen")
    client.server.refuses.append({"code": "internal"})
    with pytest.raises(WireError, match="refuses to go on"):
        client.exchange()
    client.connect()
    assert client.message_seqs() == [1, 2]


def test_a_room_can_be_left_while_a_page_is_read(client: ModelledClient) -> None:
    client.server.send_message("general", "one")
    client.peer.sent.clear()
    client.receive(type="heartbeat", time=1, heads={"general": 1})
    (page,) = client.protocol.outgoing(0.0)
    client.protocol.ask(LeaveRoom("general", "l"), "l", lambda _: None)
    client.server.receive(client.peer, page)
    client.exchange()
    assert client.events() == []


def test_a_room_without_stored_events_continues_after_a_gap(client: ModelledClient) -> None:
    client.server.keep = 0
    client.server.send_message("general", "forgotten")
    client.peer.sent.clear()
    client.receive(type="heartbeat", time=1, heads={"general": 1, "elsewhere": 7})
    client.exchange()
    assert client.events() == [Gap("general", 0, 2)]
    client.server.keep = 1
    client.server.send_message("general", "new")
    client.exchange()
    assert client.message_seqs() == [2]


@pytest.mark.parametrize("spelling", ["ann", "Ann"])
def test_read_markers_of_other_devices_count(client: ModelledClient, spelling: str) -> None:
    client.server.send_message("general", "read elsewhere")
    client.receive(type="read", room="general", username=spelling, seq=1)
    client.exchange()
    assert client.protocol.views()["general"].read == 1
    assert client.sent("read") == []


def test_a_read_marker_set_offline_is_sent_later(client: ModelledClient) -> None:
    client.server.send_message("general", "read me")
    client.exchange()
    client.protocol.disconnected(Disconnected("gone", None, 1.0))
    client.protocol.mark_read("general", 1)
    client.connect()
    assert [message["seq"] for message in client.sent("read")] == [1]


def test_the_highest_read_marker_is_sent_once_a_second(client: ModelledClient) -> None:
    for number in range(9):
        client.server.send_message("general", str(number))
    client.exchange()
    for seq in (1, 5, 3):
        client.protocol.mark_read("general", seq)
        client.exchange()
    assert [message["seq"] for message in client.sent("read")] == [1]
    assert client.protocol.due() == 1.0
    client.exchange(1.0)
    assert [message["seq"] for message in client.sent("read")] == [1, 5]


def test_a_read_marker_beyond_the_head_is_ignored(client: ModelledClient) -> None:
    client.protocol.mark_read("general", 1000)
    assert client.protocol.views()["general"].read == 0


def test_typing_is_sent_on_change_and_renewed(client: ModelledClient) -> None:
    def key() -> int:
        client.protocol.set_typing("general", is_typing=True, now=client.now)
        client.exchange()
        return len(client.sent("typing"))

    assert [key(), key()] == [1, 1]
    client.exchange(3.0)
    assert key() == 2
    ref = client.protocol.new_ref()
    client.protocol.ask(SendMessage("done", "general", ref), ref, lambda _: None)
    assert key() == 3, "the message ended it"


def test_typing_offline_is_ignored(client: ModelledClient) -> None:
    client.protocol.disconnected(Disconnected("gone", None, 1.0))
    client.protocol.set_typing("general", is_typing=True, now=0.0)
    client.connect()
    assert client.sent("typing") == []


def test_a_full_inbox_summarizes_presence_and_reads(client: ModelledClient) -> None:
    with patch.object(inbox, "MAX_EVENTS", 1):
        for name in ("bob", "carl"):
            client.receive(type="presence", room="general", online=[name], offline=[], count=3)
        client.receive(type="read", room="general", username="carl", seq=0)
        first, joined = client.events()
    assert first == PresenceChanged("general", ("bob",), (), 3)
    assert isinstance(joined, Joined)
    assert joined.is_resumed
    assert (joined.users, joined.count, joined.reads) == (("ann", "bob", "carl"), 3, {"carl": 0})


def test_a_full_inbox_keeps_the_last_state(client: ModelledClient) -> None:
    with patch.object(inbox, "MAX_EVENTS", 1):
        client.receive(type="read", room="general", username="bob", seq=0)
        client.connect()
        client.connect()
        events = client.events()
    assert events[0] == Read("general", "bob", 0)
    assert [event for event in events if isinstance(event, Connected | Disconnected)] == [
        Connected("ann")
    ]


def test_an_error_without_a_ref_is_an_event(client: ModelledClient) -> None:
    client.receive(type="error", code="not_joined", message="no", room="dev")
    assert client.events() == [Problem("not_joined", "no", "dev")]


def test_events_of_other_rooms_are_ignored(client: ModelledClient) -> None:
    client.receive(type="read", room="dev", username="bob", seq=1)
    logged = {"id": "x", "seq": 1, "room": "dev", "message": "hi", "ts": 1}
    client.receive(type="system", **logged)
    client.receive(type="weather", sunny=True)
    assert client.events() == []


@pytest.mark.parametrize("ref", ["", "two words", "x" * 65, "\u00e4"])
def test_an_invalid_ref_is_refused(client: ModelledClient, ref: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        client.protocol.ask(SendMessage("hi", "general", ref), ref, lambda _: None)


def test_a_name_with_a_lone_surrogate_is_refused_before_it_connects() -> None:
    with pytest.raises(CommandError, match="bad_request"):
        ClientProtocol("half \ud800", "secret", (), {}, lambda: "r")
