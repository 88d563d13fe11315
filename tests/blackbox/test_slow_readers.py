"""Slow readers delay no other client (docs/reference/wire.md, promise 6)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.client import Chatter, Event, has_left
from tests.support.frames import CLOSE, TEXT
from tests.support.raw import RawConnection, joined
from tests.support.server import ChatServer

from .witness import ROUND_TRIP_SECONDS, Bystander

ALSO_OVER_TLS = True

SETTINGS = (
    *("--message-rate", "0", "--frame-rate", "0", "--upgrade-rate", "0"),
    *("--send-buffer-bytes", "4096", "--write-timeout", "4"),
)

LONG = "x" * 4000


@pytest.fixture
def stuck(server: ChatServer, bystander: Bystander) -> Iterator[RawConnection]:
    """A client in the room that stops reading."""
    with joined(server.address, "stuck", receive_buffer_bytes=4096) as connection:
        yield connection
    bystander.wait_until_alone()


def talk_until_dropped(talker: Chatter, bystander: Bystander, since: int) -> int:
    """Fill the queues of slow readers until the room learns that they left."""
    said = 0
    while not any(has_left("stuck")(event) for event in bystander.events[since:]):
        bystander.receive_from(talker, f"{said} {LONG}")
        said += 1
        assert said < 2000, "nobody was dropped"
    return said


def read_to_the_close(connection: RawConnection) -> tuple[list[Event], int | None]:
    """Read all that was still sent; give the events and the close code."""
    events: list[Event] = []
    while (taken := connection.read_frame()) is not None:
        if taken.opcode == CLOSE:
            return events, taken.close_code
        if taken.opcode == TEXT:
            events.append(json.loads(taken.payload))
    raise AssertionError(f"ended without a close frame after {len(events)} events")


def test_the_server_drops_a_slow_reader_with_4002_after_a_whole_frame(
    server: ChatServer, bystander: Bystander, stuck: RawConnection
) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    since = len(bystander.events)
    with bystander.watching() as watched:
        said = talk_until_dropped(talker, bystander, since)
    assert watched.slowest < ROUND_TRIP_SECONDS
    events, code = read_to_the_close(stuck)
    assert code == 4002
    seqs = [event["seq"] for event in events if "seq" in event]
    assert seqs
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    got = [e["message"] for e in events if e["type"] == "message" and e["username"] == "talker"]
    assert got == [f"{number} {LONG}" for number in range(len(got))]
    assert len(got) < said
    everything = [e for e in watched.of_type("message") if e["username"] == "talker"]
    assert [e["message"] for e in everything] == [f"{number} {LONG}" for number in range(said)]
    talker.leave()


def test_many_slow_readers_delay_no_other_client(server: ChatServer, bystander: Bystander) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    with ExitStack() as stack:
        names = [f"stuck {number}" for number in range(20)]
        for name in names:
            connection = joined(server.address, name, receive_buffer_bytes=4096)
            stack.enter_context(connection)
        since = len(bystander.events)
        with bystander.watching() as watched:
            for number in range(300):
                bystander.receive_from(talker, f"{number} {LONG}")
            for name in names:
                bystander.wait_for(has_left(name), since=since)
        assert watched.slowest < ROUND_TRIP_SECONDS
    talker.leave()


def test_the_server_resets_a_client_that_reads_nothing_for_a_write_timeout(
    server: ChatServer, bystander: Bystander, stuck: RawConnection
) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    talk_until_dropped(talker, bystander, len(bystander.events))
    talker.leave()
    server.wait_for_open_files(server.idle_open_files + 1)  # the bystander's
    with pytest.raises(AssertionError, match="without a close frame"):
        read_to_the_close(stuck)
