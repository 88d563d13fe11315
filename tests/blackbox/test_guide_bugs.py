"""The bugs of the guide's servers that must not come back (issue 2)."""

import json
from collections.abc import Callable
from contextlib import ExitStack

from tests.support.client import Chatter, has_joined, has_left, is_refusal, is_type
from tests.support.frames import CLOSE, TEXT, text
from tests.support.raw import RawConnection, joined
from tests.support.requests import head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .witness import ROUND_TRIP_SECONDS, Bystander

ALSO_OVER_TLS = True

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0"),
    *("--send-buffer-bytes", "4096"),
)

Serve = Callable[..., ChatServer]

LONG = "x" * 4000


def test_presence_has_the_newcomer_in_it_for_the_newcomer_and_for_others(
    server: ChatServer, bystander: Bystander
) -> None:
    since = len(bystander.events)
    newcomer = Chatter(server.url(), "newcomer")
    assert "newcomer" in newcomer.arrive()[-1]["users"]
    bystander.wait_for(has_joined("newcomer"), since=since)
    seen = bystander.wait_for(is_type("presence"), since=since)
    assert "newcomer" in seen["users"]
    newcomer.leave()
    bystander.wait_until_alone()


def test_a_client_that_reads_nothing_stops_nobody(server: ChatServer, bystander: Bystander) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    with joined(server.address, "stuck", receive_buffer_bytes=4096), bystander.watching() as seen:
        for number in range(100):  # less than drops it, far more than its socket takes
            bystander.hear(talker, f"{number} {LONG}")
    assert seen.slowest < ROUND_TRIP_SECONDS
    talker.leave()
    bystander.wait_until_alone()


def test_a_client_dropped_while_it_leaves_is_let_go_of_once(
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
            bystander.hear(talker, f"{number} {LONG}")
            if number % 30 == 0 and torn:
                torn.pop().reset()  # before, at and after the drop of the others
        for connection in torn:
            connection.reset()
        talker.leave()
        bystander.wait_until_alone()
    for name in names:
        assert sum(map(has_left(name), bystander.events[since:])) == 1


def test_a_number_as_message_is_answered_and_the_connection_goes_on(server: ChatServer) -> None:
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    ann.say('{"message":5}')
    ann.first(is_refusal)
    ann.fence("still here")
    ann.leave()


def test_a_join_notice_is_in_history_once(serve: Serve) -> None:
    server = serve()
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    bob = Chatter(server.url(), "bob")
    bob.arrive()
    bob.leave()
    ann.first(has_left("bob"))
    carol = Chatter(server.url(), "carol")
    history = carol.next()["history"]
    ann.leave()
    carol.leave()
    assert [event["message"] for event in history] == [
        "ann has joined the chat",
        "bob has joined the chat",
        "bob has left the chat",
    ]


def test_the_limit_of_upgrades_counts_addresses_and_forgives(serve: Serve) -> None:
    server = serve("--upgrade-rate", "1", "--upgrade-burst", "2")

    def status(source: str) -> int:
        with RawConnection(server.address, source=source) as connection:
            connection.push(head())
            return connection.read_response().status

    assert 429 in [status("127.0.0.2") for _ in range(10)]
    assert [status("127.0.0.3") for _ in range(2)] == [101, 101]
    eventually(lambda: status("127.0.0.2") == 101, "the address is forgiven")


def test_dead_peers_do_not_stay_in_the_list(server: ChatServer, bystander: Bystander) -> None:
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


def test_a_peer_that_vanishes_without_a_word_is_found_dead(serve: Serve) -> None:
    server = serve("--ping-interval", "0.5", "--pong-timeout", "2")
    ann = Chatter(server.url(), "ann")
    with joined(server.address, "vanished"):  # says nothing more, and does not end either
        ann.first(has_left("vanished"))
    ann.leave()


def test_each_frame_has_one_object_however_many_wait(
    server: ChatServer, bystander: Bystander
) -> None:
    talker = Chatter(server.url(), "talker")
    talker.arrive()
    with joined(server.address, "late reader", receive_buffer_bytes=4096) as late:
        for number in range(120):
            bystander.hear(talker, f"{number} {'y' * 1000}")
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
