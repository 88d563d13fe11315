"""Single facts about the dialogue; what holds for all of them is in `test_dialogue_anything`."""

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
class Talk:
    """A dialogue that is connected with a model of the server.

    Attributes:
        now: The time, in seconds.
        said: All frames of the client on this connection.
    """

    rooms: tuple[str, ...] = ("general",)
    seen: dict[str, Seen] = field(factory=dict)
    server: ModelServer = field(factory=ModelServer)
    now: float = 0.0
    peer: Peer = field(factory=Peer)
    client_protocol: ClientProtocol = field(init=False)

    def __attrs_post_init__(self) -> None:
        numbers = itertools.count(1)
        self.client_protocol = ClientProtocol(
            "ann", "secret", self.rooms, self.seen, lambda: f"r{next(numbers)}"
        )

    def connect(self) -> None:
        """Connect, anew if need be, and join the rooms."""
        if self.peer in self.server.peers:
            self.server.cut(self.peer)
            self.client_protocol.disconnected(Disconnected("gone", None, 1.0))
        self.peer = self.server.connect()
        self.client_protocol.connected()
        self.exchange()

    def exchange(self, seconds: float = 0.0) -> None:
        """Let both say what they have to say."""
        self.now += seconds
        while (texts := self.client_protocol.outgoing(self.now)) or self.peer.sent:
            for text in texts:
                self.server.receive(self.peer, text)
            while self.peer.sent:
                self.hear(**self.peer.sent.popleft())

    def hear(self, **frame: object) -> None:
        """The server says something."""
        self.client_protocol.receive(json.dumps(frame), self.now)

    def events(self) -> list[Event]:
        """All that there is for the user."""
        taken = []
        while self.client_protocol.has_events():
            taken.append(self.client_protocol.take())
        return taken

    def said(self, kind: str) -> list[dict[str, object]]:
        """What the client has said of this type on this connection."""
        return [frame for frame in self.peer.received if frame["type"] == kind]


@pytest.fixture
def talk() -> Talk:
    made = Talk()
    made.connect()
    made.events()
    return made


def test_a_room_that_the_log_keeps_shut_is_asked_for_again() -> None:
    talk = Talk(("general", "dev"))
    talk.client_protocol.connected()
    talk.client_protocol.outgoing(0.0)
    talk.peer = talk.server.connect()
    talk.server.receive(talk.peer, json.dumps({**HELLO, "rooms": {"dev": {}}}))
    error = {"code": "unavailable", "message": "no", "room": "general", "retryAfterMs": 3000}
    talk.hear(type="error", **error)
    talk.exchange()
    assert talk.events()[0] == Problem("unavailable", "no", "general")
    assert talk.client_protocol.is_ready
    assert list(talk.client_protocol.views()) == ["dev"]
    assert talk.client_protocol.due() == 3.0
    talk.exchange(3.0)
    assert sorted(talk.client_protocol.views()) == ["dev", "general"]


def test_a_room_whose_data_is_damaged_is_asked_for_again_on_the_next_connection_only() -> None:
    talk = Talk(("general", "dev"))
    talk.client_protocol.connected()
    talk.client_protocol.outgoing(0.0)
    talk.peer = talk.server.connect()
    talk.server.receive(talk.peer, json.dumps({**HELLO, "rooms": {"dev": {}}}))
    talk.hear(type="error", code="internal", message="no", room="general")
    talk.exchange()
    talk.exchange(3600.0)
    assert list(talk.client_protocol.views()) == ["dev"]
    talk.connect()
    talk.exchange()
    assert sorted(talk.client_protocol.views()) == ["dev", "general"]


HELLO = {"type": "hello", "username": "ann", "device": "secret"}


def test_who_has_left_all_rooms_leaves_the_default_one_too(talk: Talk) -> None:
    talk.client_protocol.ask(LeaveRoom("general", "l"), "l", lambda _: None)
    talk.exchange()
    talk.connect()
    assert talk.said("hello")[0]["rooms"] == {}
    assert talk.peer.rooms == set()
    assert talk.client_protocol.is_ready


def test_a_room_whose_joining_was_given_up_is_left_again(talk: Talk) -> None:
    request = talk.client_protocol.ask(JoinRoom("dev", ref="j"), "j", lambda _: None)
    (text,) = talk.client_protocol.outgoing(0.0)
    talk.client_protocol.forget(request)
    talk.server.receive(talk.peer, text)
    talk.exchange()
    assert talk.peer.rooms == {"general"}


def test_a_log_that_has_lost_its_end_is_another_log(talk: Talk) -> None:
    for number in range(3):
        talk.server.say("general", str(number))
    talk.exchange()
    talk.events()
    del talk.server.stores["general"][1:]
    talk.connect()
    _, gap, joined, connected = talk.events()
    assert gap == Gap("general", 3)
    assert isinstance(joined, Joined)
    assert (joined.is_resumed, joined.head) == (False, 1)
    assert connected == Connected("ann")


def test_a_store_that_was_replaced_is_shown_anew_on_the_same_connection(talk: Talk) -> None:
    for number in range(3):
        talk.server.say("general", str(number))
    talk.exchange()
    talk.client_protocol.mark_read("general", 3)
    talk.exchange(1.0)
    talk.events()
    outcomes: list[object] = []
    talk.client_protocol.ask(SendMessage("hello", "general", "m"), "m", outcomes.append)
    talk.client_protocol.outgoing(talk.now)
    kept = {"id": "k", "seq": 1, "room": "general", "time": "12:00:00", "ts": 1}
    first = {"type": "message", "username": "bob", "message": "kept", **kept}
    talk.hear(
        type="joined",
        room="general",
        epoch="another",
        head=1,
        read=1,
        users=["ann", "bob"],
        count=2,
        reads={"bob": 1},
        recovered=False,
        history=[first],
        more=False,
    )
    gap, joined = talk.events()
    assert gap == Gap("general", 3)
    assert isinstance(joined, Joined)
    assert (joined.is_resumed, joined.head, joined.read) == (False, 1, 1)
    assert [event.seq for event in joined.history] == [1]
    view = talk.client_protocol.views()["general"]
    assert (view.head, view.read, view.reads) == (1, 1, {"bob": 1})
    talk.hear(type="ack", ref="m", room="general", id="n", seq=2, dup=False)
    talk.hear(**{**first, "id": "n", "seq": 2, "username": "ann", "message": "hello"})
    assert [event.seq for event in talk.events() if isinstance(event, Message)] == [2]
    assert len(outcomes) == 1
    talk.connect()
    assert talk.said("hello")[0]["rooms"] == {"general": {"since": 2, "epoch": "another"}}


def test_what_cannot_be_fetched_ends_the_connection(talk: Talk) -> None:
    talk.peer.skips = 1
    talk.server.say("general", "lost")
    talk.server.say("general", "seen")
    talk.server.refuses.append({"code": "internal"})
    with pytest.raises(WireError, match="refuses to go on"):
        talk.exchange()
    talk.connect()
    assert [event.seq for event in talk.events() if isinstance(event, Message)] == [1, 2]


def test_a_room_that_is_left_while_a_page_of_it_is_fetched_is_left(talk: Talk) -> None:
    talk.server.say("general", "one")
    talk.peer.sent.clear()
    talk.hear(type="heartbeat", time=1, heads={"general": 1})
    (page,) = talk.client_protocol.outgoing(0.0)
    talk.client_protocol.ask(LeaveRoom("general", "l"), "l", lambda _: None)
    talk.server.receive(talk.peer, page)
    talk.exchange()
    assert talk.events() == []


def test_a_room_of_which_the_log_has_nothing_left_goes_on_behind_a_gap(talk: Talk) -> None:
    talk.server.keep = 0
    talk.server.say("general", "forgotten")
    talk.peer.sent.clear()
    talk.hear(type="heartbeat", time=1, heads={"general": 1, "elsewhere": 7})
    talk.exchange()
    assert talk.events() == [Gap("general", 0, 2)]
    talk.server.keep = 1
    talk.server.say("general", "new")
    talk.exchange()
    assert [event.seq for event in talk.events() if isinstance(event, Message)] == [2]


@pytest.mark.parametrize("form", ["ann", "Ann"])
def test_what_was_read_on_another_device_is_read(talk: Talk, form: str) -> None:
    talk.server.say("general", "read elsewhere")
    talk.hear(type="read", room="general", username=form, seq=1)
    talk.exchange()
    assert talk.client_protocol.views()["general"].read == 1
    assert talk.said("read") == []


def test_a_mark_of_a_time_without_connection_goes_out_with_the_next_one(talk: Talk) -> None:
    talk.server.say("general", "read me")
    talk.exchange()
    talk.client_protocol.disconnected(Disconnected("gone", None, 1.0))
    talk.client_protocol.mark_read("general", 1)
    talk.connect()
    assert [frame["seq"] for frame in talk.said("read")] == [1]


def test_marks_go_out_once_a_second_and_the_highest_counts(talk: Talk) -> None:
    for number in range(9):
        talk.server.say("general", str(number))
    talk.exchange()
    for seq in (1, 5, 3):
        talk.client_protocol.mark_read("general", seq)
        talk.exchange()
    assert [frame["seq"] for frame in talk.said("read")] == [1]
    assert talk.client_protocol.due() == 1.0
    talk.exchange(1.0)
    assert [frame["seq"] for frame in talk.said("read")] == [1, 5]


def test_nobody_can_have_read_what_is_not_there(talk: Talk) -> None:
    talk.client_protocol.mark_read("general", 1000)
    assert talk.client_protocol.views()["general"].read == 0


def test_typing_is_told_on_change_and_renewed_before_it_is_forgotten(talk: Talk) -> None:
    def key() -> int:
        talk.client_protocol.set_typing("general", is_typing=True, now=talk.now)
        talk.exchange()
        return len(talk.said("typing"))

    assert [key(), key()] == [1, 1]
    talk.exchange(3.0)
    assert key() == 2
    ref = talk.client_protocol.new_ref()
    talk.client_protocol.ask(SendMessage("done", "general", ref), ref, lambda _: None)
    assert key() == 3, "the message has ended it"


def test_typing_without_a_connection_is_let_go(talk: Talk) -> None:
    talk.client_protocol.disconnected(Disconnected("gone", None, 1.0))
    talk.client_protocol.set_typing("general", is_typing=True, now=0.0)
    talk.connect()
    assert talk.said("typing") == []


def test_who_came_and_read_while_there_was_no_space_is_summed_up(talk: Talk) -> None:
    with patch.object(inbox, "MAX_EVENTS", 1):
        for name in ("bob", "carl"):
            talk.hear(type="presence", room="general", online=[name], offline=[], count=3)
        talk.hear(type="read", room="general", username="carl", seq=0)
        first, joined = talk.events()
    assert first == PresenceChanged("general", ("bob",), (), 3)
    assert isinstance(joined, Joined)
    assert joined.is_resumed
    assert (joined.users, joined.count, joined.reads) == (("ann", "bob", "carl"), 3, {"carl": 0})


def test_of_the_states_there_was_no_space_for_the_last_one_is_told(talk: Talk) -> None:
    with patch.object(inbox, "MAX_EVENTS", 1):
        talk.hear(type="read", room="general", username="bob", seq=0)
        talk.connect()
        talk.connect()
        events = talk.events()
    assert events[0] == Read("general", "bob", 0)
    assert [event for event in events if isinstance(event, Connected | Disconnected)] == [
        Connected("ann")
    ]


def test_an_error_that_nobody_waits_for_is_told(talk: Talk) -> None:
    talk.hear(type="error", code="not_joined", message="no", room="dev")
    assert talk.events() == [Problem("not_joined", "no", "dev")]


def test_what_comes_of_a_room_it_is_not_in_is_passed_over(talk: Talk) -> None:
    talk.hear(type="read", room="dev", username="bob", seq=1)
    logged = {"id": "x", "seq": 1, "room": "dev", "message": "hi", "ts": 1}
    talk.hear(type="system", **logged)
    talk.hear(type="weather", sunny=True)
    assert talk.events() == []


@pytest.mark.parametrize("ref", ["", "two words", "x" * 65, "\u00e4"])
def test_a_ref_that_the_server_could_not_repeat_is_refused(talk: Talk, ref: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        talk.client_protocol.ask(SendMessage("hi", "general", ref), ref, lambda _: None)


def test_a_name_with_half_a_character_is_found_before_it_connects() -> None:
    with pytest.raises(CommandError):
        ClientProtocol("half \ud800", "secret", (), {}, lambda: "r")
