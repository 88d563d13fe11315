"""Slow readers delay no other client (docs/reference/wire.md, promise 6)."""

import json
from collections.abc import Iterator

import pytest

from tests.support.client import Chatter, Event, has_left
from tests.support.frames import CLOSE, TEXT
from tests.support.raw import RawConnection, joined
from tests.support.server import ChatServer

from .witness import ROUND_TRIP_SECONDS, Bystander

KINDS = ("plain", "tls")

SETTINGS = (
    *("--message-rate", "0", "--frame-rate", "0", "--upgrade-rate", "0"),
    *("--send-buffer-bytes", "4096", "--write-timeout", "4"),
)

LONG = "x" * 4000


@pytest.fixture
def talker(server: ChatServer, bystander: Bystander) -> Iterator[Chatter]:
    """A client that sends. At the end only the bystander is in the room."""
    member = Chatter(server.url(), "talker")
    member.arrive()
    yield member
    member.leave()
    bystander.wait_until_alone()


@pytest.fixture
def stuck(server: ChatServer) -> Iterator[RawConnection]:
    """A client in the room that stops reading."""
    with joined(server.address, "stuck", receive_buffer_bytes=4096) as connection:
        yield connection


def talk_until_dropped(talker: Chatter, bystander: Bystander, since: int) -> int:
    """Send until the room receives that the stuck client left; return the number of messages."""
    sent = 0
    while not any(has_left("stuck")(event) for event in bystander.events[since:]):
        bystander.receive_from(talker, f"{sent} {LONG}")
        sent += 1
        assert sent < 2000, "the server drops no client"
    return sent


def read_to_the_close(connection: RawConnection) -> tuple[list[Event], int | None]:
    """Read the events that were still sent, each whole in its frame, and the close code."""
    events: list[Event] = []
    while (taken := connection.read_frame()) is not None:
        if taken.opcode == CLOSE:
            return events, taken.close_code
        if taken.opcode == TEXT:
            events.append(json.loads(taken.payload))
    raise AssertionError(f"ended without a close frame after {len(events)} events")


def test_the_server_drops_a_slow_reader_with_4002_after_a_whole_frame(
    talker: Chatter, bystander: Bystander, stuck: RawConnection
) -> None:
    since = len(bystander.events)
    with bystander.watching() as watched:
        sent = talk_until_dropped(talker, bystander, since)
    assert watched.slowest < ROUND_TRIP_SECONDS
    events, code = read_to_the_close(stuck)
    assert code == 4002
    seqs = [event["seq"] for event in events if "seq" in event]
    assert seqs
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    got = [e["message"] for e in events if e["type"] == "message" and e["username"] == "talker"]
    assert got == [f"{number} {LONG}" for number in range(len(got))]
    assert len(got) < sent
    everything = [e for e in watched.of_type("message") if e["username"] == "talker"]
    assert [e["message"] for e in everything] == [f"{number} {LONG}" for number in range(sent)]


def test_the_server_resets_a_client_that_reads_nothing_for_a_write_timeout(
    server: ChatServer, talker: Chatter, bystander: Bystander, stuck: RawConnection
) -> None:
    talk_until_dropped(talker, bystander, len(bystander.events))
    server.wait_for_open_files(server.idle_open_files + 2)  # the bystander's and the talker's
    with pytest.raises(AssertionError, match="without a close frame"):
        read_to_the_close(stuck)
