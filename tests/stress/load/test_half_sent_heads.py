"""Two hundred clients that send half a request head and wait."""

from contextlib import ExitStack

from tests.blackbox.witness import ROUND_TRIP_SECONDS, Bystander
from tests.support.raw import RawConnection
from tests.support.requests import head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

COUNT = 200


def test_half_sent_heads_end_with_408_without_delay_for_a_bystander() -> None:
    # The default of 10 s would only lengthen the test.
    with ChatServer("--head-timeout", "5", "--message-rate", "0") as server, ExitStack() as stack:
        bystander = Bystander(server.url())
        stack.callback(bystander.leave)
        with bystander.watching() as watched:
            halves = [stack.enter_context(RawConnection(server.address)) for _ in range(COUNT)]
            for number, half in enumerate(halves):
                whole = head()
                half.push(whole[: 1 + number % (len(whole) - 1)])
            bystander.wait_for_round_trip()
            held = server.idle_open_files + COUNT
            eventually(lambda: server.open_files() > held, "the server holds all connections")
            for half in halves:
                assert half.read_response().status == 408
                half.read_end()
        assert watched.slowest < ROUND_TRIP_SECONDS
        server.wait_for_open_files(server.idle_open_files + 1)  # that of the bystander
