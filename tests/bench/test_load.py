import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench import load
from tests.bench.frames import MARK, MASK, MessageFrames
from tests.bench.joining import BY_NAME, IN_OWN_ROOM, Newcomer, join
from tests.bench.load import TAIL_BYTES, Client, LoadError, Room, Sampler
from tests.bench.peers.framing import Reader
from tests.bench.servers import SERVERS
from tests.bench.starting import Scratch, ServerError, running

SCRATCH = Scratch(Path(), ExitStack())


@pytest.fixture
def room() -> Iterator[Room]:
    with Room(server_seconds=lambda: 0.0) as room:
        yield room


@pytest.fixture(params=["floor", "picows", "plain_trio"])
def served(room: Room, request: pytest.FixtureRequest) -> Iterator[Room]:
    """A room with five clients at a peer."""
    with running(SERVERS[request.param].command(SCRATCH)) as server:
        join(room, server.address, 5, timeout_seconds=10)
        yield room


def connect(room: Room) -> tuple[Client, socket.socket]:
    ours, theirs = socket.socketpair()
    return room.add(ours), theirs


def message(text: bytes) -> bytes:
    return b'\x81\x10{"message":"%b"}' % text


def test_a_sent_frame_is_json_with_mark_stamp_and_own_mark() -> None:
    (payload,) = Reader().payloads(MessageFrames(7).stamped())
    text = json.loads(payload)["message"]
    assert text.startswith(MARK.decode())
    assert text[5:21].isdigit()
    assert text[21:26] == "@s07|"


def test_a_frame_for_an_ack_has_its_marks_in_the_ref_only() -> None:
    frame = MessageFrames(7, "room00007").stamped()
    size = int.from_bytes(frame[2:4], "big")
    assert (frame[:2], size) == (b"\x81\xfe", len(frame) - 8)
    # Masking twice gives what it was.
    sent = json.loads(bytes(byte ^ MASK[at % 4] for at, byte in enumerate(frame[8:])))
    assert sent["room"] == "room00007"
    assert re.fullmatch(r"@all\|\d{16}@s07\|", sent["ref"])
    assert "@" not in sent["message"]


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_mark_cut_in_two_by_a_read_counts_once(room: Room, cut: int) -> None:
    client, server = connect(room)
    data = message(MARK)
    with server:
        for part in (data[:cut], data[cut:]):
            server.sendall(part)
            room.turn(timeout_seconds=1)
    assert client.received == 1


@pytest.mark.parametrize("cut", range(1, 46))
def test_a_stamp_cut_in_two_by_a_read_is_read_once(cut: int) -> None:
    sampler = Sampler()
    data = message(MARK + b"0000000000000001") + b"next"
    sampler(bytes(TAIL_BYTES) + data[:cut])
    sampler(data[:cut][-TAIL_BYTES:].rjust(TAIL_BYTES) + data[cut:])
    assert len(sampler.latencies_us) == 1


def test_a_closed_loop_counts_every_copy_of_every_message(served: Room) -> None:
    served.appoint(senders=2, samplers=5)
    window = served.closed_loop(warm_up_seconds=0.1, window_seconds=0.2)
    assert served.settle() == 0
    assert window.deliveries > 0
    # What is sampled is every message, as every client is a sampler.
    assert len(window.latencies_us) == window.deliveries
    sent = {client.received for client in served.clients.values()}
    assert len(sent) == 1
    assert sent.pop() * 5 >= window.deliveries


def test_clients_alone_in_a_room_count_acknowledgements(room: Room) -> None:
    room.is_shared = False
    command = [*SERVERS["trio_chat"].command(SCRATCH), "--store", "memory:"]
    with running(command) as server:
        join(room, server.address, 3, timeout_seconds=10, greeting=IN_OWN_ROOM)
        room.appoint(senders=3, samplers=3)
        window = room.closed_loop(warm_up_seconds=0.1, window_seconds=0.2)
        assert room.settle() == 0
        # One for each message, though its copy comes back, too.
        assert 0 < len(window.latencies_us) == window.deliveries
        assert all(client.received for client in room.clients.values())


def test_a_foreign_acknowledgement_is_wrong(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "STALL_SECONDS", 0.2)
    room.is_shared = False
    _, first = connect(room)
    _, second = connect(room)
    with first, second:
        room.appoint(senders=2, samplers=1)
        room.fixed_rate(per_second=100, warm_up_seconds=0, window_seconds=0.02)
        first.sendall(message(MARK) * 2)
        assert room.settle() == 2


def test_a_fixed_rate_sends_as_many_messages_as_it_says(served: Room) -> None:
    served.appoint(senders=2, samplers=1)
    served.fixed_rate(per_second=100, warm_up_seconds=0.1, window_seconds=0.2)
    assert served.settle() == 0
    assert {client.received for client in served.clients.values()} == {30}


def test_a_copy_that_never_comes_is_lost(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "STALL_SECONDS", 0.2)
    _, first = connect(room)
    _, second = connect(room)
    with first, second:
        room.appoint(senders=1, samplers=1)
        room.fixed_rate(per_second=100, warm_up_seconds=0, window_seconds=0.03)
        first.sendall(message(MARK) * 3)
        second.sendall(message(MARK) * 2)
        assert room.settle() == 1


def test_messages_for_a_dropped_client_are_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "STALL_SECONDS", 0.2)
    _, server = connect(room)
    room.appoint(senders=1, samplers=1)
    server.close()
    room.fixed_rate(per_second=100, warm_up_seconds=0, window_seconds=0.03)
    assert room.settle() == 3
    assert room.closed == 1


def test_a_refused_upgrade_ends_the_measure(room: Room) -> None:
    client, server = connect(room)
    client.watchers = (Newcomer(client, 0, BY_NAME),)
    with server:
        server.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        with pytest.raises(LoadError, match="503"):
            room.turn(timeout_seconds=1)


def test_a_server_that_does_not_start_raises_its_output() -> None:
    with (
        pytest.raises(ServerError, match="No module named no_such_server"),
        running([*SERVERS["floor"].command(SCRATCH)[:2], "no_such_server"]),
    ):
        pass
