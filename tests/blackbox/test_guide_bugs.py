"""Bugs of the guide's servers that this server must not have."""

import json
from collections.abc import Callable
from contextlib import ExitStack

from tests.support.client import Chatter, has_left
from tests.support.frames import CLOSE, TEXT, text
from tests.support.raw import joined
from tests.support.server import ChatServer

from .witness import Bystander

ALSO_OVER_TLS = True

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0"),
    *("--send-buffer-bytes", "4096"),
)

Serve = Callable[..., ChatServer]

LONG = "x" * 4000


def test_the_hub_removes_once_a_client_that_is_dropped_while_it_leaves(
    server: ChatServer, bystander: Bystander
) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    since = len(bystander.events)
    names = [f"torn {number}" for number in range(8)]
    with ExitStack() as stack:
        torn = [
            stack.enter_context(joined(server.address, name, receive_buffer_bytes=4096))
            for name in names
        ]
        for number in range(300):
            bystander.receive_from(talker, f"{number} {LONG}")
            if number % 30 == 0 and torn:
                torn.pop().reset()  # before, at and after the drop of the others
        for connection in torn:
            connection.reset()
        talker.leave()
        bystander.wait_until_alone()
    for name in names:
        assert sum(map(has_left(name), bystander.events[since:])) == 1


def test_reset_connections_leave_the_list_of_users(
    server: ChatServer, bystander: Bystander
) -> None:
    open_files = server.open_files()
    for number in range(30):
        with joined(server.address, f"dead {number}") as peer:
            peer.reset()
    bystander.wait_until_alone()
    server.wait_for_open_files(open_files)
    late = Chatter(server.url(), "late")
    assert late.arrive()[-1]["users"] == ["bystander", "late"]
    late.leave()
    bystander.wait_until_alone()


def test_a_silent_peer_leaves_after_the_pong_timeout(serve: Serve) -> None:
    server = serve("--ping-interval", "0.5", "--pong-timeout", "2")
    ann = Chatter(server.url(), "ann")
    with joined(server.address, "vanished"):  # says nothing more, and does not end either
        ann.first(has_left("vanished"))
    ann.leave()


def test_each_frame_holds_one_message_however_long_the_queue(
    server: ChatServer, bystander: Bystander
) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    with joined(server.address, "late reader", receive_buffer_bytes=4096) as late:
        for number in range(120):
            bystander.receive_from(talker, f"{number} {'y' * 1000}")
        late.push(text("done"), reading=False)
        numbers = []
        while True:
            taken = late.read_frame()
            assert taken is not None
            assert taken.opcode != CLOSE
            if taken.opcode != TEXT:
                continue
            event = json.loads(taken.payload)  # fails on two objects in one frame
            assert isinstance(event, dict)
            if event.get("username") == "talker":
                numbers.append(int(event["message"].split()[0]))
            if event.get("message") == "done":
                break
    assert numbers == list(range(120))
    talker.leave()
    bystander.wait_until_alone()
