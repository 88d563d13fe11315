"""What joining and leaving bring a plain connection, and the shape of every event."""

from collections.abc import Callable

from tests.support.client import Chatter, Event, has_left, is_message
from tests.support.raw import joined
from tests.support.server import ChatServer

from .witness import Witness

SETTINGS = ("--upgrade-rate", "0")

Serve = Callable[..., ChatServer]

Join = Callable[..., Chatter]

LOGGED = {"type", "id", "seq", "room", "time", "ts"}

FIELDS = {
    "message": LOGGED | {"username", "message"},
    "system": LOGGED | {"kind", "username", "message"},
    "typing": {"type", "room", "username", "isTyping", "time"},
    "presence": {"type", "room", "users", "count", "time"},
    "history": {"type", "room", "history", "more", "time"},
}
"""As docs/reference/wire.md has them; a presence may name its room."""


def types(events: list[Event]) -> list[str]:
    """Give the types of events."""
    return [event["type"] for event in events]


def test_history_and_live_messages_have_no_gap_and_no_repeat(serve: Serve) -> None:
    server = serve("--message-rate", "0", "--frame-rate", "0", "--history-size", "100")
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    members = []
    for number in range(200):
        ann.say(f"line {number}")
        if number % 20 == 0:
            members.append(Chatter(server.url(), f"p{number}"))
    joinings = [member.arrive() for member in members]
    ann.say("the end")
    for member, joining in zip(members, joinings, strict=True):
        events = joining + member.up_to(is_message("the end"))
        shown = events[0]["history"] if events[0]["type"] == "history" else []
        seqs = [event["seq"] for event in [*shown, *events] if "seq" in event]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        member.leave()
    ann.leave()


def test_the_room_learns_at_once_of_a_connection_that_ends_without_a_close(
    server: ChatServer, join: Join, witness: Witness
) -> None:
    ann = join("ann")
    ann.arrive()
    for end in ("reset", "fin"):
        connection = joined(server.address, f"bob {end}")
        since = len(witness.events)
        if end == "reset":
            connection.reset()
        connection.socket.close()
        witness.wait_for(has_left(f"bob {end}"), since=since)
