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
    """Somebody who has said 619 things, behind the notice of its coming."""
    somebody = Speaker(server.url(), "talker", "longer")
    somebody.arrive()
    for number in range(2, HEAD + 1):
        somebody.send(type="message", room="longer", message=f"line {number}")
    somebody.first(lambda event: event.get("seq") == HEAD)
    yield somebody
    somebody.leave()


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


def assert_newest(joined: Event) -> None:
    """Hold that it has the newest 50, and says that there are more."""
    assert joined["recovered"] is False
    assert joined["more"] is True
    assert seqs(joined["history"]) == list(range(HEAD - 49, HEAD + 1))


@pytest.mark.parametrize("behind", [0, 1, 49, 50, 51, 100, 101, 499, 500])
def test_who_is_no_more_than_500_behind_gets_exactly_what_it_missed(
    talker: Speaker, epoch: str, behind: int
) -> None:
    joined = resume(talker, since=HEAD - behind, epoch=epoch)
    assert joined["head"] == HEAD
    assert_recovered(joined, list(range(HEAD - behind + 1, HEAD + 1)))


@pytest.mark.parametrize(
    "known",
    [
        {"since": HEAD - 501},
        {"since": 1},
        {"since": 0},
        {"since": HEAD + 1},
        {"since": 2**53 - 1},
        {"since": HEAD, "epoch": None},
        {"since": HEAD, "epoch": "another"},
        {"since": HEAD, "epoch": ""},
        {"since": None},
        {},
    ],
    ids=str,
)
def test_everybody_else_gets_the_newest(
    talker: Speaker, epoch: str, known: dict[str, object]
) -> None:
    joined = resume(talker, **({"epoch": epoch} | known))
    assert (joined["head"], joined["epoch"]) == (HEAD, epoch)
    assert_newest(joined)


def test_an_epoch_in_other_letters_is_another(talker: Speaker, epoch: str) -> None:
    assert_newest(resume(talker, since=HEAD, epoch=epoch.swapcase() + "x"))


def test_since_0_is_none_seen_and_recovers_a_short_room(speak: Speak, room: str) -> None:
    bob, ann = speak("bob", f"{room}.0"), speak("ann", room)
    (joined,) = ann.arrive()
    ann.fence(room)
    again = ann.ask("join", room=room, since=0, epoch=joined["epoch"])
    assert_recovered(again, [1, 2])
    bob.arrive()
    assert_recovered(bob.ask("join", room=room, since=0, epoch=joined["epoch"]), [1, 2])
    assert bob.first(lambda event: event.get("room") == room)["seq"] == 3


def test_a_hello_resumes_each_room_by_what_is_known_of_it(speak: Speak, room: str) -> None:
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


def test_more_than_256_kib_is_not_recovered_however_few_they_are(speak: Speak, room: str) -> None:
    ann = speak("ann", room)
    (joined,) = ann.arrive()
    for number in range(17):
        ann.send(type="message", room=room, message=f"{number}" + "\U0001f600" * 4000)
    ann.fence(room)
    head = 19
    outcomes = []
    for since in range(head):
        again = ann.ask("join", room=room, since=since, epoch=joined["epoch"])
        outcomes.append(again["recovered"])
        if again["recovered"]:
            assert_recovered(again, list(range(since + 1, head + 1)))
        else:
            assert again["more"] is True
            assert seqs(again["history"])[-1] == head
    assert outcomes == sorted(outcomes)
    assert outcomes[0] is False
    assert outcomes[5] is True


def test_what_was_missed_has_the_newest_texts_and_tells_of_the_changes(
    speak: Speak, room: str
) -> None:
    ann = speak("ann", room)
    (joined,) = ann.arrive()
    one, two = (ann.ask("message", room=room, message=text) for text in ("one", "two"))
    ann.ask("edit", room=room, id=one["id"], message="one, edited")
    ann.ask("delete", room=room, id=two["id"])
    again = ann.ask("join", room=room, since=one["seq"], epoch=joined["epoch"])
    assert_recovered(again, [3, 4, 5])
    two_, edited, deleted = again["history"]
    assert two_["deleted"] is True
    assert (edited["target"], edited["message"]) == (one["id"], "one, edited")
    assert deleted["target"] == two["id"]


def test_who_comes_back_again_and_again_misses_nothing_and_sees_nothing_twice(
    speak: Speak, room: str
) -> None:
    speakers = [speak(f"speaker{number}", room) for number in range(2)]
    for somebody in speakers:
        somebody.arrive()
    over = threading.Event()

    def talk(somebody: Speaker) -> None:
        while not over.wait(0.002):  # no more than 500 while somebody is away
            text = f"{somebody.name} says {next(NUMBER)}"
            somebody.send(type="message", room=room, message=text)
            somebody.first(is_message(text))

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


def test_a_log_in_memory_begins_a_new_life_with_each_start(serve: Serve, room: str) -> None:
    known: dict[str, object] = {}
    for _ in range(2):
        ann = Speaker(serve("--store", "memory:").url(), "ann", {room: known})
        (joined,) = ann.arrive()
        assert (joined["recovered"], joined["head"]) == (False, 0)
        assert joined["epoch"] != known.get("epoch")
        known = {"since": ann.ask("message", room=room, message="hello")["seq"] - 1}
        known["epoch"] = joined["epoch"]
        ann.leave()


def test_a_log_in_a_file_goes_on_where_it_was_even_if_it_was_killed(
    serve: Serve, room: str, tmp_path: Path
) -> None:
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
