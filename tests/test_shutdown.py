"""The shutdown: signals, order and exit status."""

import signal

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from trio_chat.shutdown import SIGNALS, drain_on_signal

GRACE_SECONDS = 10.0


class Drain:
    """A drain that the test ends."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.may_end = trio.Event()
        self.was_cancelled = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await self.may_end.wait()
        except trio.Cancelled:
            self.was_cancelled = True
            raise


class Shutdown:
    """A running `drain_on_signal`, and its results: none before its end."""

    def __init__(self, drain: Drain, nursery: trio.Nursery) -> None:
        self.statuses: list[int] = []
        self._send, self._signals = trio.open_memory_channel[int](10)
        self.receive = self._send.send_nowait
        nursery.start_soon(self._run, drain)

    async def _run(self, drain: Drain) -> None:
        self.statuses.append(await drain_on_signal(self._signals, drain, GRACE_SECONDS))


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_ends_with_0_after_draining(
    number: signal.Signals, autojump_clock: trio.testing.MockClock
) -> None:
    drain = Drain()
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            shutdown = Shutdown(drain, nursery)
            shutdown.receive(number)
            await drain.begun.wait()
            await trio.sleep(3)
            assert shutdown.statuses == []
            drain.may_end.set()
    assert shutdown.statuses == [0]
    assert autojump_clock.current_time() == 3
    assert [(line["event"], line["signal"]) for line in lines] == [("shutting down", number.name)]


async def test_the_end_of_the_grace_period_ends_with_0_and_a_warning(
    autojump_clock: trio.testing.MockClock,
) -> None:
    drain = Drain()
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            shutdown = Shutdown(drain, nursery)
            shutdown.receive(signal.SIGTERM)
    assert shutdown.statuses == [0]
    assert drain.was_cancelled
    assert autojump_clock.current_time() == GRACE_SECONDS
    assert [line["log_level"] for line in lines] == ["info", "warning"]


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
async def test_a_second_signal_ends_with_the_status_of_shells(
    first: signal.Signals, second: signal.Signals, autojump_clock: trio.testing.MockClock
) -> None:
    drain = Drain()
    async with trio.open_nursery() as nursery:
        shutdown = Shutdown(drain, nursery)
        shutdown.receive(first)
        await drain.begun.wait()
        await trio.sleep(1)
        shutdown.receive(second)
    assert shutdown.statuses == [128 + second]
    assert drain.was_cancelled
    assert autojump_clock.current_time() == 1


async def test_an_error_while_draining_propagates() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    send, signals = trio.open_memory_channel[int](1)
    send.send_nowait(signal.SIGINT)
    with pytest.raises(ExceptionGroup) as failure, trio.fail_after(20):
        await drain_on_signal(signals, fail, GRACE_SECONDS)
    assert failure.value.subgroup(ZeroDivisionError) is not None
