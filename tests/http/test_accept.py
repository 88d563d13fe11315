"""The acceptor, with listeners that fail on demand."""

import errno
import itertools
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from trio_chat.http.accept import QUIET_SECONDS, RETRY_SECONDS, SHORTAGES, Acceptor
from trio_chat.metrics import Metrics

Handler = Callable[[socket.socket], Awaitable[object]]


class Listener(socket.socket):
    """A listener that counts its calls, and fails with the errors of ``failing``."""

    failing: Iterator[int] = iter(())
    asked = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        for number in self.failing:
            raise OSError(number, os.strerror(number))
        return super().accept()


class Door:
    """An acceptor on some listeners, with the client ends of its connections."""

    def __init__(self, serve: Handler, listeners: int) -> None:
        self.listeners = [
            Listener(fileno=socket.create_server(("127.0.0.1", 0), backlog=256).detach())
            for _ in range(listeners)
        ]
        self.listener = self.listeners[0]
        self.metrics = Metrics()
        self.sockets: list[socket.socket] = []
        self.scope = trio.CancelScope()
        self._acceptor = Acceptor(serve, self.metrics)

    async def run(self) -> None:
        with self.scope:
            await self._acceptor.run(self.listeners)

    def connect(self, listener: int = 0) -> None:
        client = socket.create_connection(self.listeners[listener].getsockname())
        client.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        self.sockets.append(client)

    def fail(self, *numbers: int, forever: bool = False) -> None:
        """Let the first listener fail with these errors, each once or forever."""
        self.listener.failing = itertools.cycle(numbers) if forever else iter(numbers)

    async def echoes(self, client: int) -> bool:
        self.sockets[client].send(b"x")
        await trio.testing.wait_all_tasks_blocked(RETRY_SECONDS / 10)
        return self.sockets[client].recv(10) == b"x"


@asynccontextmanager
async def door(serve: Handler | None = None, *, listeners: int = 1) -> AsyncIterator[Door]:
    made = Door(serve or echo, listeners)
    for listener in made.listeners:
        listener.setblocking(False)  # noqa: FBT003
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            await trio.testing.wait_all_tasks_blocked()
            yield made
            made.scope.cancel()
    finally:
        for each in (*made.sockets, *made.listeners):
            each.close()


async def echo(sock: socket.socket) -> None:
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    async for data in stream:
        await stream.send_all(data)


def is_closed(sock: socket.socket) -> bool:
    with suppress(BlockingIOError):
        return not sock.recv(1)
    return False


async def test_each_connection_gets_its_own_task() -> None:
    async with door(listeners=2) as made:
        made.connect(0)
        made.connect(1)
        assert await made.echoes(1)
        assert await made.echoes(0)


async def test_acceptor_closes_a_socket_left_open() -> None:
    async def leave(_: socket.socket) -> None:
        await trio.lowlevel.checkpoint()

    async with door(leave) as made:
        made.connect()
        await trio.testing.wait_all_tasks_blocked()
        assert is_closed(made.sockets[0])


async def test_cancellation_closes_listeners_and_connections() -> None:
    async with door() as made:
        made.connect()
        await trio.testing.wait_all_tasks_blocked()
        assert not is_closed(made.sockets[0])
        made.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert made.listener.fileno() == -1
        assert is_closed(made.sockets[0])


@pytest.mark.parametrize("number", sorted(SHORTAGES))
async def test_acceptor_retries_four_times_a_second_and_logs_a_shortage_once(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
    number: int,
) -> None:
    with capture_logs() as lines:
        async with door() as made:
            made.fail(number, forever=True)
            made.connect()
            await trio.sleep(100)
            assert made.listener.asked == pytest.approx(100 / RETRY_SECONDS, abs=2)
            assert made.metrics.accept_failures.count == made.listener.asked
    (line,) = lines
    assert line["event"] == "cannot accept connections"
    assert (line["log_level"], line["reason"]) == ("warning", os.strerror(number))


async def test_acceptor_retries_when_a_connection_ends() -> None:
    async with door() as made:
        made.connect()
        await trio.testing.wait_all_tasks_blocked()
        made.fail(errno.EMFILE, forever=True)
        made.connect()
        await trio.testing.wait_all_tasks_blocked()
        assert made.metrics.accept_failures.count == 1
        made.fail()
        # The clock does not jump, so the end of a connection causes the retry, not the pause.
        made.sockets[0].close()
        assert await made.echoes(1)


async def test_acceptor_logs_the_end_of_a_shortage_without_a_new_client(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    with capture_logs() as lines:
        async with door(listeners=2) as made:
            made.fail(errno.EMFILE, forever=True)
            made.connect()
            await trio.sleep(5)
            made.fail()
            await trio.sleep(3600)
    assert [line["event"] for line in lines] == ["cannot accept connections", "accepting again"]
    assert lines[1]["seconds"] == pytest.approx(5 + QUIET_SECONDS, abs=2 * RETRY_SECONDS)


async def test_repeated_failures_at_the_limit_are_one_shortage(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
) -> None:
    with capture_logs() as lines:
        async with door() as made:
            for _ in range(50):
                made.fail(errno.EMFILE, forever=True)
                made.connect()
                await trio.sleep(QUIET_SECONDS / 2)
                made.fail()
                await trio.sleep(QUIET_SECONDS / 4)
            assert len(lines) == 1
            await trio.sleep(QUIET_SECONDS)
            assert len(lines) == 2
            made.fail(errno.EMFILE, forever=True)
            made.connect()
            await trio.sleep(QUIET_SECONDS)
    assert lines[2]["event"] == "cannot accept connections"


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.ENETUNREACH])
async def test_an_error_of_one_client_does_not_affect_others(number: int) -> None:
    with capture_logs() as lines:
        async with door() as made:
            made.fail(number)
            made.connect()
            assert await made.echoes(0)
            assert made.metrics.accept_failures.count == 0
    assert lines == []


class Steps(trio.abc.Instrument):
    """Counts the calls of `accept` in each step of a task."""

    def __init__(self, listener: Listener) -> None:
        self.calls: list[int] = []
        self._listener = listener
        self._before = listener.asked

    def after_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002
        if (asked := self._listener.asked) > self._before:
            self.calls.append(asked - self._before)
            self._before = asked


async def test_acceptor_accepts_64_connections_per_wakeup() -> None:
    served: list[socket.socket] = []

    async def serve(sock: socket.socket) -> None:
        served.append(sock)
        await trio.sleep_forever()

    async with door(serve) as made:
        for _ in range(200):
            made.connect()
        steps = Steps(made.listener)
        trio.lowlevel.add_instrument(steps)
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.remove_instrument(steps)
        assert len(served) == 200
        assert steps.calls == [64, 64, 64, 9]


async def test_acceptor_raises_a_permanent_error() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="Bad address"), flatten_subgroups=True):
        async with door() as made:
            made.fail(errno.EFAULT, forever=True)
            made.connect()
            await trio.sleep_forever()
