"""A server whose descriptors have run out: who is there notices nothing, who comes waits."""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bench.process import cpu_seconds
from tests.support.client import Chatter, is_message
from tests.support.raw import RawConnection, joined
from tests.support.requests import head, plain_head
from tests.support.server import ChatServer, running
from tests.support.waiting import eventually

FREE = 20
"""Descriptors left to the server, above those it has open when idle."""

BUSY_SHARE = 0.2
"""Of a core: what a server that waits stays under. One that tries again at once takes all of it."""

RELEASE_SECONDS = 1.0
"""In which it has to accept again (issue 3)."""

WATCHED_SECONDS = 3.0

BEGINS, ENDS = "cannot accept connections", "accepting again"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that may open `FREE` descriptors more."""
    with running("--upgrade-rate", "0", "--message-rate", "0") as started:
        most = started.idle_open_files + FREE
        resource.prlimit(started.pid, resource.RLIMIT_NOFILE, (most, most))
        yield started


class Full:
    """The server with all its descriptors taken, and who takes them.

    Attributes:
        kept: An HTTP connection that is served.
        early: One that has been let in and has said nothing yet.
        fillers: The rest, all in the chat.
    """

    def __init__(self, server: ChatServer, stack: ExitStack) -> None:
        taken = server.open_files() + 2
        self.kept = stack.enter_context(RawConnection(server.address))
        self.early = stack.enter_context(RawConnection(server.address))
        eventually(lambda: server.open_files() == taken, "both are let in")
        self.fillers = [
            stack.enter_context(joined(server.address, f"filler {number}"))
            for number in range(server.idle_open_files + FREE - taken)
        ]


def told(server: ChatServer, *events: str) -> list[str]:
    """Give which of these events are in the store, in order."""
    logged = [json.loads(line)["event"] for line in server.log_lines]
    return [event for event in logged if event in events]


def test_who_waits_is_let_in_within_a_second_of_a_release(server: ChatServer) -> None:
    with ExitStack() as stack:
        full = Full(server, stack)
        for _ in range(5):
            late = stack.enter_context(RawConnection(server.address))
            late.push(head())
            assert late.is_silent(0.3)
            began = time.monotonic()
            full.fillers.pop().reset()
            assert late.read_response().status == 101
            assert time.monotonic() - began < RELEASE_SECONDS


def test_meanwhile_it_is_not_busy_and_its_log_has_one_line(server: ChatServer) -> None:
    with ExitStack() as stack:
        full = Full(server, stack)
        late = stack.enter_context(RawConnection(server.address))
        late.push(plain_head(b"/healthz"))
        eventually(lambda: told(server, BEGINS) == [BEGINS], "the store says so")
        before = cpu_seconds(server.pid)
        assert late.is_silent(WATCHED_SECONDS)
        assert cpu_seconds(server.pid) - before < BUSY_SHARE * WATCHED_SECONDS
        assert told(server, BEGINS, ENDS) == [BEGINS]
        full.fillers.pop().reset()
        assert late.read_response().status == 200
        eventually(lambda: told(server, BEGINS, ENDS) == [BEGINS, ENDS], "and when it is over")
    server.assert_healthy()


def test_who_is_there_notices_nothing(server: ChatServer) -> None:
    with ExitStack() as stack:
        ann = Chatter(server.url(), "ann")
        stack.callback(ann.leave)
        ann.arrive()
        full = Full(server, stack)
        late = stack.enter_context(RawConnection(server.address))
        late.push(head())
        assert late.is_silent(0.3)
        for number in range(20):
            ann.say(f"still here {number}")
            ann.first(is_message(f"still here {number}"))
        # Nothing that is done for the first time may need a descriptor either.
        for path in (b"/", b"/static/js/backoff.js", b"/metrics", b"/readyz", b"/nowhere"):
            full.kept.push(plain_head(path))
            assert full.kept.read_response().status == (404 if path == b"/nowhere" else 200)
        full.early.upgrade()
        full.early.join("gru\N{COMBINING DIAERESIS}ße")
        full.early.say_goodbye()
    server.assert_healthy()
