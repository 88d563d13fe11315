import pytest

from tests.client.test_client_protocol import ModelledClient
from trio_chat.client.events import Deleted, Edited, Message, Notice, Read, Typing
from trio_chat.client.own import OwnName
from trio_chat.client.wire import HistoryMessage, JoinedMessage

HISTORY = (
    Message("m1", 1, "general", "ANN", "hi", 0),
    Message("m2", 2, "general", "bob", "hi", 0),
    Edited("m3", 3, "general", "\uff21nn", "m1", "ho", 0),
    Deleted("m4", 4, "general", "bob", "m2", 0),
    Notice("m5", 5, "general", "ann has left the chat", 0, "left", "ann"),
)
OWN = [True, False, True, False]
"""Of the first four, whether they are Ann's."""


def is_own(events: object) -> list[bool]:
    assert isinstance(events, tuple)
    return [event.is_own for event in events if not isinstance(event, Notice)]


@pytest.mark.parametrize("username", ["ann", "Ann", "\uff21\uff2e\uff2e", "  ann "])
def test_own_events_are_marked_in_any_spelling(username: str) -> None:
    own = OwnName(username)
    assert is_own(tuple(own.mark(event) for event in HISTORY)) == OWN
    notes = (
        Typing("general", "bob", is_typing=True),
        Typing("general", "aNN", is_typing=True),
        Read("general", "bob", 1),
        Read("general", "aNN", 1),
    )
    assert is_own(tuple(own.mark(event) for event in notes)) == [False, True, False, True]


def test_own_events_in_history_are_marked() -> None:
    own = OwnName("ann")
    page = own.mark(HistoryMessage("general", HISTORY, more=False))
    assert isinstance(page, HistoryMessage)
    assert is_own(page.history) == OWN
    joined = JoinedMessage("general", "e1", 5, 0, (), 0, {}, False, HISTORY, more=False)  # noqa: FBT003 - its fields in order
    joined = own.mark(joined)  # type: ignore[assignment]
    assert is_own(joined.history) == OWN


@pytest.mark.parametrize("asked", ["", "\u0000"])
def test_the_name_of_a_token_counts(asked: str) -> None:
    own = OwnName(asked)
    assert not own.is_own("")
    assert not own.is_own("ann")
    own.learn("Ann")
    assert own.is_own("ann")
    assert not own.is_own("\u0000")


def test_the_server_does_not_decide_which_events_are_own() -> None:
    client = ModelledClient()
    client.connect()
    client.events()
    client.receive(type="typing", room="general", username="bob", isTyping=True, isOwn=True)
    client.receive(type="typing", room="general", username="ANN", isTyping=True)
    assert client.events() == [
        Typing("general", "bob", is_typing=True),
        Typing("general", "ANN", is_typing=True, is_own=True),
    ]
