"""Two hundred clients that send half a head and wait."""

from contextlib import ExitStack

from tests.blackbox.witness import ROUND_TRIP_SECONDS, Bystander
from tests.support.raw import RawConnection
from tests.support.requests import head
from tests.support.server import running
from tests.support.waiting import eventually

COUNT = 200


def test_half_sent_heads_end_with_408_and_a_bystander_chats_on() -> None:
    # The timeout is 10 s by default; nobody has to wait for so long here.
    with running("--head-timeout", "5", "--message-rate", "0") as server, ExitStack() as stack:
        bystander = Bystander(server.url())
        stack.callback(bystander.leave)
        with bystander.watching() as watched:
            halves = [stack.enter_context(RawConnection(server.address)) for _ in range(COUNT)]
            for number, half in enumerate(halves):
                whole = head()
                half.push(whole[: 1 + number % (len(whole) - 1)])
            bystander.wait_for_round_trip()
            held = server.idle_open_files + COUNT
            eventually(lambda: server.open_files() > held, "all of them are held open")
            for half in halves:
                assert half.read_response().status == 408
                half.read_end()
        assert watched.slowest < ROUND_TRIP_SECONDS
        server.wait_for_open_files(server.idle_open_files + 1)  # the bystander's
