"""Accepting, from listeners that fail when the test says so."""

import errno
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing
from attrs import define, field
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from trio_chat.http.accept import QUIET_SECONDS, RETRY_SECONDS, SHORTAGES, Acceptor
from trio_chat.metrics import Metrics

Handler = Callable[[socket.socket], Awaitable[object]]


class FakeListener(socket.socket):
    """Gives what the test puts into it, and counts how often it is asked.

    To wait for it, it is one end of a pair; there is a byte in it for each who knocks.

    Attributes:
        failing: While it is set, it fails with this number, whatever there is to give.
    """

    def __init__(self) -> None:
        ours, self._knocking = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        self._waiting: deque[socket.socket | OSError] = deque()
        self.failing: int | None = None
        self.asked = 0

    def put(self, outcome: socket.socket | OSError) -> None:
        """Somebody knocks."""
        self._waiting.append(outcome)
        self._knocking.send(b"x")

    def accept(self) -> tuple[socket.socket, str]:
        """Fail or give."""
        self.asked += 1
        if self.failing is not None:
            raise OSError(self.failing, os.strerror(self.failing))
        if not self._waiting:
            raise BlockingIOError
        self.recv(1)
        outcome = self._waiting.popleft()
        if isinstance(outcome, OSError):
            raise outcome
        return outcome, ""

    @property
    def is_closed(self) -> bool:
        """Whether it is."""
        return self.fileno() == -1

    def end(self) -> None:
        """Release everything."""
        self.close()
        self._knocking.close()
        for outcome in self._waiting:
            if isinstance(outcome, socket.socket):
                outcome.close()


@define(eq=False)
class Door:
    """An acceptor that runs, with the ends of whoever came in."""

    listeners: list[FakeListener]
    acceptor: Acceptor
    metrics: Metrics
    sockets: list[socket.socket] = field(factory=list)
    scope: trio.CancelScope = field(factory=trio.CancelScope)

    async def run(self) -> None:
        """Accept until the scope is cancelled."""
        with self.scope:
            await self.acceptor.run(self.listeners)

    def knock(self, listener: int = 0) -> None:
        """Somebody connects."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)  # noqa: FBT003
        self.sockets.append(theirs)
        self.listeners[listener].put(ours)

    def failures(self) -> float:
        """How often accepting has failed, by the metrics."""
        return next(
            sample.value
            for family in text_string_to_metric_families(self.metrics.text().decode())
            for sample in family.samples
            if sample.name == "trio_chat_accept_failures_total"
        )


@asynccontextmanager
async def door(serve: Handler, *, listeners: int = 1) -> AsyncIterator[Door]:
    """Run an acceptor on some listeners until the end of the body."""
    metrics = Metrics()
    acceptor = Acceptor(serve, metrics)
    made = Door([FakeListener() for _ in range(listeners)], acceptor, metrics)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            await trio.testing.wait_all_tasks_blocked()
            yield made
            made.scope.cancel()
    finally:
        for each in made.sockets:
            each.close()
        for listener in made.listeners:
            listener.end()


async def echo(sock: socket.socket) -> None:
    """Serve: give back what comes."""
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    async for data in stream:
        await stream.send_all(data)


def is_closed(sock: socket.socket) -> bool:
    """Whether the other end is closed."""
    with suppress(BlockingIOError):
        return not sock.recv(1)
    return False


def told(lines: Iterable[Mapping[str, object]]) -> list[object]:
    """What the store says, without the figures."""
    return [line["event"] for line in lines]


async def test_each_connection_is_served_in_a_task_of_its_own() -> None:
    async with door(echo, listeners=2) as made:
        made.knock(0)
        made.knock(1)
        for number, theirs in enumerate(reversed(made.sockets)):
            theirs.send(b"%d" % number)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert theirs.recv(10) == b"%d" % number


async def test_a_socket_that_is_left_open_is_closed() -> None:
    async def leave(_: socket.socket) -> None:
        await trio.lowlevel.checkpoint()

    async with door(leave) as made:
        made.knock()
        await trio.testing.wait_all_tasks_blocked()
        assert is_closed(made.sockets[0])


async def test_cancelled_it_closes_its_listeners_and_all_connections() -> None:
    async with door(echo) as made:
        made.knock()
        await trio.testing.wait_all_tasks_blocked()
        assert not is_closed(made.sockets[0])
        made.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert made.listeners[0].is_closed
        assert is_closed(made.sockets[0])


@pytest.mark.parametrize("number", sorted(SHORTAGES))
async def test_in_a_shortage_it_tries_four_times_a_second_and_says_so_once(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
    number: int,
) -> None:
    with capture_logs() as lines:
        async with door(echo) as made:
            made.listeners[0].failing = number
            made.knock()
            await trio.sleep(100)
            assert made.listeners[0].asked == pytest.approx(100 / RETRY_SECONDS, abs=2)
            assert made.failures() == made.listeners[0].asked
    (line,) = lines
    assert line["event"] == "cannot accept connections"
    assert (line["log_level"], line["reason"]) == ("warning", os.strerror(number))


async def test_it_tries_again_as_soon_as_a_connection_has_ended() -> None:
    async with door(echo) as made:
        made.knock()
        await trio.testing.wait_all_tasks_blocked()
        made.listeners[0].failing = errno.EMFILE
        made.knock()
        await trio.testing.wait_all_tasks_blocked()
        assert made.failures() == 1
        made.listeners[0].failing = None
        # Without a clock that jumps: what wakes it here is the end, not the pause.
        made.sockets[0].close()
        made.sockets[1].send(b"x")
        await trio.testing.wait_all_tasks_blocked(RETRY_SECONDS / 10)
        assert made.sockets[1].recv(10) == b"x"


async def test_it_tries_again_after_a_pause_when_others_have_released_what_was_short(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    async with door(echo) as made:
        made.listeners[0].failing = errno.ENFILE
        made.knock()
        await trio.sleep(10 * RETRY_SECONDS)
        made.listeners[0].failing = None
        made.sockets[0].send(b"x")
        await trio.sleep(RETRY_SECONDS)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert made.sockets[0].recv(10) == b"x"


async def test_the_end_of_a_shortage_is_told_once_though_nobody_comes(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    with capture_logs() as lines:
        async with door(echo, listeners=2) as made:
            made.listeners[0].failing = errno.EMFILE
            made.knock()
            await trio.sleep(5)
            made.listeners[0].failing = None
            await trio.sleep(3600)
    assert told(lines) == ["cannot accept connections", "accepting again"]
    assert lines[1]["seconds"] == pytest.approx(5 + QUIET_SECONDS, abs=2 * RETRY_SECONDS)


async def test_one_in_one_out_at_the_limit_is_one_shortage(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    with capture_logs() as lines:
        async with door(echo) as made:
            for _ in range(50):
                made.listeners[0].failing = errno.EMFILE
                made.knock()
                await trio.sleep(QUIET_SECONDS / 2)
                made.listeners[0].failing = None
                await trio.sleep(QUIET_SECONDS / 4)
            assert len(lines) == 1
            await trio.sleep(QUIET_SECONDS)
            assert len(lines) == 2
            made.listeners[0].failing = errno.EMFILE
            made.knock()
            await trio.sleep(QUIET_SECONDS)
    assert told(lines) == [
        "cannot accept connections",
        "accepting again",
        "cannot accept connections",
    ]


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.ENETUNREACH])
async def test_an_error_of_the_one_who_knocked_keeps_nobody_else_out(number: int) -> None:
    with capture_logs() as lines:
        async with door(echo) as made:
            made.listeners[0].put(OSError(number, os.strerror(number)))
            made.knock()
            made.sockets[0].send(b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert made.sockets[0].recv(10) == b"x"
            assert made.failures() == 0
    assert lines == []


async def test_a_crowd_is_let_in_64_at_once_and_served_meanwhile() -> None:
    served: list[int] = []

    async def serve(_: socket.socket) -> None:
        served.append(made.listeners[0].asked)
        await trio.sleep_forever()

    async with door(serve) as made:
        for _ in range(200):
            made.knock()
        await trio.testing.wait_all_tasks_blocked()
        assert len(served) == 200
        assert sorted(set(served)) == [64, 128, 192, 201]


async def test_an_error_that_no_waiting_mends_is_raised() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="Bad address"), flatten_subgroups=True):
        async with door(echo) as made:
            made.listeners[0].failing = errno.EFAULT
            made.knock()
            await trio.sleep_forever()
