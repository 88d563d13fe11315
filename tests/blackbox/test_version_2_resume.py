"""Coming back (docs/reference/wire.md, promise 5): exactly what was missed, or the newest."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.client import Event, is_message, is_type
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, NUMBER, Speaker, seqs

SETTINGS = NO_LIMITS

ALSO_ON_SQLITE = True

Speak = Callable[..., Speaker]
Serve = Callable[..., ChatServer]

HEAD = 620
"""Of the room that most of these come back to."""


@pytest.fixture(scope="module")
def talker(server: ChatServer) -> Iterator[Speaker]:
    """A client that has sent 619 messages after its join notice."""
    member = Speaker(server.url(), "talker", "longer")
    member.arrive()
    for number in range(2, HEAD + 1):
        member.send(type="message", room="longer", message=f"line {number}")
    member.first(lambda event: event.get("seq") == HEAD)
    yield member
    member.leave()


@pytest.fixture(scope="module")
def epoch(talker: Speaker) -> str:
    """The life of that room's log."""
    epoch: str = talker.ask("join", room="longer")["epoch"]
    return epoch


def resume(talker: Speaker, **known: object) -> Event:
    """Join the long room again, knowing it up to somewhere."""
    return talker.ask("join", room="longer", **known)


def assert_recovered(joined: Event, missed: list[int]) -> None:
    """Hold that it has exactly what was missed."""
    assert joined["recovered"] is True
    assert joined["more"] is False
    assert seqs(joined["history"]) == missed


def test_a_hello_resumes_each_room_from_its_own_position(speak: Speak, room: str) -> None:
    rooms = [f"{room}.{number}" for number in range(3)]
    ann = speak("ann", *rooms)
    epochs = {event["room"]: event["epoch"] for event in ann.arrive()}
    for each in rooms:
        ann.ask("message", room=each, message="missed")
    one, two, three = rooms
    bob = speak(
        "bob",
        {
            one: {"since": 1, "epoch": epochs[one]},
            two: {"since": 0, "epoch": epochs[two]},
            three: {"since": 1, "epoch": epochs[one] + "x"},
        },
    )
    joined = {event["room"]: event for event in bob.arrive()}
    assert_recovered(joined[one], [2])
    assert_recovered(joined[two], [1, 2])
    assert joined[three]["recovered"] is False
    assert seqs(joined[three]["history"]) == [1, 2]


def test_a_client_that_reconnects_often_misses_and_repeats_nothing(speak: Speak, room: str) -> None:
    speakers = [speak(f"speaker{number}", room) for number in range(2)]
    for member in speakers:
        member.arrive()
    over = threading.Event()

    def talk(member: Speaker) -> None:
        while not over.wait(0.002):  # no more than 500 while somebody is away
            text = f"{member.name} says {next(NUMBER)}"
            member.send(type="message", room=room, message=text)
            member.first(is_message(text))

    talkers = [threading.Thread(target=talk, args=(each,)) for each in speakers]
    for talker in talkers:
        talker.start()
    known: dict[str, object] = {}
    seen: list[Event] = []
    try:
        for number in range(30):
            ann = speak("ann", {room: known})
            (joined,) = ann.arrive()
            assert joined["recovered"] is bool(known)
            seen += joined["history"]
            assert seen[-1]["seq"] == joined["head"]
            for _ in range(3):
                seen += [event for event in ann.up_to(is_type("message")) if "id" in event]
            known = {"since": seen[-1]["seq"], "epoch": joined["epoch"]}
            (ann.drop if number % 3 else ann.leave)()
    finally:
        over.set()
        for talker in talkers:
            talker.join()
    numbers = [event["seq"] for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({event["id"] for event in seen}) == len(seen)


def test_a_killed_server_continues_its_file(serve: Serve, room: str, tmp_path: Path) -> None:
    flags = ("--store", f"sqlite:{tmp_path}/chat.db")
    server = serve(*flags)
    ann = Speaker(server.url(), "ann", room, device="d")
    (joined,) = ann.arrive()
    acks = [ann.ask("message", room=room, message=f"{n}", ref=f"r{n}") for n in range(5)]
    ann.ask("edit", room=room, id=acks[0]["id"], message="edited", ref="e")
    ann.send(type="read", room=room, seq=4)
    ann.first(is_type("read"))
    server.signal(signal.SIGKILL)
    server.wait()
    ann.leave()
    server = serve(*flags)
    known = {"since": acks[0]["seq"], "epoch": joined["epoch"]}
    ann = Speaker(server.url(), "ann", {room: known}, device="d")
    (joined,) = ann.arrive()
    assert joined["epoch"] == known["epoch"]
    assert (joined["head"], joined["read"]) == (acks[-1]["seq"] + 1, 4)
    assert_recovered(joined, [ack["seq"] for ack in acks[1:]] + [acks[-1]["seq"] + 1])
    assert [event["id"] for event in joined["history"][:-1]] == [ack["id"] for ack in acks[1:]]
    again = ann.ask("message", room=room, message="3", ref="r3")
    assert again == acks[3] | {"dup": True}
    ann.leave()
