"""Graceful shutdown: the server writes its queues, and no client can delay it."""

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

from websockets.exceptions import ConnectionClosed

from tests.support.client import Chatter, is_message
from tests.support.frames import close
from tests.support.raw import RawConnection
from tests.support.requests import plain_head
from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS

Serve = Callable[..., ChatServer]

KINDS = ("plain", "tls")

PATIENT = (
    *("--shutdown-grace", "120", "--write-timeout", "120"),
    *("--close-timeout", "120", "--head-timeout", "120"),
)
"""A server that ends within `PATIENCE_SECONDS` has waited for none of these."""


def test_idle_http_connections_do_not_delay_shutdown(serve: Serve) -> None:
    server = serve(*PATIENT)
    with ExitStack() as stack:
        kept = stack.enter_context(RawConnection(server.address))
        kept.push(plain_head(b"/healthz"))
        kept.read_response()
        half = stack.enter_context(RawConnection(server.address))
        half.push(b"GET /heal")
        nameless = stack.enter_context(RawConnection(server.address))
        nameless.upgrade()
        stack.enter_context(RawConnection(server.address))
        server.signal(signal.SIGTERM)
        assert nameless.read_close() == 1001
        nameless.push(close(1001))
        assert server.wait(PATIENCE_SECONDS) == 0
        server.assert_clean_log()


def test_shutdown_under_load_closes_every_client(serve: Serve) -> None:
    # Our threads read slowly, so the queues are long.
    server = serve(
        *("--message-rate", "0", "--frame-rate", "0"),
        *("--send-queue", "1000000", "--send-queue-bytes", "1000000000"),
    )
    members = [Chatter(server.url(), f"p{number}") for number in range(8)]
    for member in members:
        member.arrive()

    def talk(member: Chatter) -> None:
        with suppress(ConnectionClosed):
            for number in range(100_000):
                member.say(f"{member.name}: {number}")

    talkers = [threading.Thread(target=talk, args=(each,), daemon=True) for each in members[:3]]
    for talker in talkers:
        talker.start()
    members[-1].first(is_message("p0: 100"))
    server.signal(signal.SIGTERM)
    ends = [member.rest() for member in members]
    assert [code for _, code in ends] == [1001] * 8
    assert server.wait(PATIENCE_SECONDS) == 0
    server.assert_clean_log()
    for talker in talkers:
        talker.join(20)
    for events, _ in ends:
        seqs = [event["seq"] for event in events if "seq" in event]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert len({events[-1]["seq"] for events, _ in ends if "seq" in events[-1]}) <= 1
