"""The peers in Python do the same work; otherwise their figures would not compare."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.bench.joining import Address
from tests.bench.servers import SERVERS
from tests.bench.starting import Scratch, running

PEERS = ("floor", "picows", "websockets", "plain_trio")
ECHOES = [name for name in PEERS if SERVERS[name].echoes]
TIMEOUT_SECONDS = 10


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[Address]:
    with running(SERVERS[request.param].command(Scratch(Path(), ExitStack()))) as server:
        yield server.address


def connected(address: Address, path: str = "/ws") -> ClientConnection:
    # The load generator offers no compression either.
    url = f"ws://{address.host}:{address.port}{path}"
    return connect(url, compression=None, open_timeout=TIMEOUT_SECONDS)


def received(client: ClientConnection) -> dict[str, object]:
    frame = client.recv(timeout=TIMEOUT_SECONDS)
    assert isinstance(frame, str)  # a text frame
    event: dict[str, object] = orjson.loads(frame)
    return event


@pytest.mark.parametrize("address", PEERS, indirect=True)
def test_a_message_reaches_all_clients_in_one_frame(address: Address) -> None:
    with connected(address) as ann, connected(address) as bob:
        ann.send("ann")
        assert received(ann) == {"type": "presence", "count": 1}
        bob.send("bob")
        assert received(bob) == {"type": "presence", "count": 2}
        ann.send('{"type":"message","message":"first"}')
        ann.send('{"type":"message","message":"second"}')
        for client in (ann, bob):
            events = [received(client), received(client)]
            assert [event["message"] for event in events] == ["first", "second"]
            assert {event["username"] for event in events} == {"ann"}
            assert {event["type"] for event in events} == {"message"}
            assert all(event.keys() >= {"id", "time"} for event in events)
            assert events[0]["id"] != events[1]["id"]


# Not the floor: it parses only frames of the load generator, which sends no close frame.
@pytest.mark.parametrize("address", PEERS[1:], indirect=True)
def test_presence_excludes_closed_clients(address: Address) -> None:
    with connected(address) as ann:
        ann.send("ann")
        assert received(ann)["count"] == 1
    with connected(address) as bob:
        bob.send("bob")
        assert received(bob)["count"] == 1


@pytest.mark.parametrize("address", ECHOES, indirect=True)
def test_an_echo_server_returns_each_frame(address: Address) -> None:
    with connected(address, "/ws/echo") as client:
        client.send("text")
        assert client.recv(timeout=TIMEOUT_SECONDS) == "text"
        client.send(b"bytes")
        assert client.recv(timeout=TIMEOUT_SECONDS) == b"bytes"
