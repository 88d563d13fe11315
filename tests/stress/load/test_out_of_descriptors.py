"""A server out of file descriptors serves its clients and makes new ones wait."""

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
from tests.support.server import ChatServer
from tests.support.waiting import eventually

FREE = 20
"""Descriptors of the server beyond those open when idle."""

BUSY_SHARE = 0.2
"""The limit of processor time, of a core. A server that retries at once takes all of it."""

RELEASE_SECONDS = 1.0
"""The limit for accepting again (issue 3)."""

WATCHED_SECONDS = 3.0

BEGINS, ENDS = "cannot accept connections", "accepting again"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that may open `FREE` more descriptors."""
    with ChatServer("--upgrade-rate", "0", "--message-rate", "0") as started:
        most = started.idle_open_files + FREE
        resource.prlimit(started.pid, resource.RLIMIT_NOFILE, (most, most))
        yield started


class Full:
    """Occupies all descriptors of the server.

    Attributes:
        kept: An open HTTP connection.
        early: An accepted connection without a request so far.
        fillers: The other connections, all in the chat.
    """

    def __init__(self, server: ChatServer, stack: ExitStack) -> None:
        taken = server.open_files() + 2
        self.kept = stack.enter_context(RawConnection(server.address))
        self.early = stack.enter_context(RawConnection(server.address))
        eventually(lambda: server.open_files() == taken, "the server has accepted both")
        self.fillers = [
            stack.enter_context(joined(server.address, f"filler {number}"))
            for number in range(server.idle_open_files + FREE - taken)
        ]


def logged(server: ChatServer, *wanted: str) -> list[str]:
    """Return which of these events are in the log lines, in order."""
    events = [json.loads(line)["event"] for line in server.log_lines]
    return [event for event in events if event in wanted]


def test_a_waiting_client_is_accepted_within_a_second_of_a_release(server: ChatServer) -> None:
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


def test_the_shortage_takes_little_processor_time_and_one_log_line(server: ChatServer) -> None:
    with ExitStack() as stack:
        full = Full(server, stack)
        late = stack.enter_context(RawConnection(server.address))
        late.push(plain_head(b"/healthz"))
        eventually(lambda: logged(server, BEGINS) == [BEGINS], "the log line is there")
        before = cpu_seconds(server.pid)
        assert late.is_silent(WATCHED_SECONDS)
        assert cpu_seconds(server.pid) - before < BUSY_SHARE * WATCHED_SECONDS
        assert logged(server, BEGINS, ENDS) == [BEGINS]
        full.fillers.pop().reset()
        assert late.read_response().status == 200
        eventually(
            lambda: logged(server, BEGINS, ENDS) == [BEGINS, ENDS], "the second log line is there"
        )
    server.assert_healthy()


def test_connected_clients_are_served_as_before(server: ChatServer) -> None:
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
        # First requests must not need a descriptor either.
        for path in (b"/", b"/static/js/client/backoff.js", b"/metrics", b"/readyz", b"/nowhere"):
            full.kept.push(plain_head(path))
            assert full.kept.read_response().status == (404 if path == b"/nowhere" else 200)
        full.early.upgrade()
        full.early.join("gru\N{COMBINING DIAERESIS}ße")
        full.early.say_goodbye()
    server.assert_healthy()
