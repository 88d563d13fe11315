"""A Redis for each test, which the test may stop, and nodes that notice an outage quickly."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import frozen

from tests.contracts.backplanes import Recorder, listening
from tests.support.redis import Redis, running
from tests.support.waiting import PATIENCE_SECONDS
from trio_chat.backplane import connection
from trio_chat.backplane import redis as module
from trio_chat.backplane.address import read_address
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics


@pytest.fixture
def redis() -> Iterator[Redis]:
    with running() as one:
        yield one


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limits of the backplane."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)


class WatchedBackplane(RedisBackplane):
    """A backplane that wakes tasks of the test after each failure."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        super().__init__(read_address(url), "chat", metrics)
        self._failed = trio.lowlevel.ParkingLot()

    def _note_down(self, fault: Outage) -> None:
        super()._note_down(fault)
        self._failed.unpark_all()

    async def failure(self, why: str = "") -> str:
        """Wait until it fails for this reason; returns the whole reason."""
        with trio.fail_after(PATIENCE_SECONDS):
            while why not in (self.last_error or "") or self.last_error == "not connected yet":
                await self._failed.park()
        return self.last_error or ""

    async def answers(self, count: int) -> None:
        """Wait for this many more answers of Redis."""
        count += self._answers
        with trio.fail_after(PATIENCE_SECONDS):
            while self._answers < count:
                await self._answered.park()


@frozen
class Node:
    """A running node."""

    backplane: WatchedBackplane
    recorder: Recorder
    metrics: Metrics


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Node]:
    """Run a node within the block, which begins when its backplane is up."""
    metrics = Metrics()
    one = WatchedBackplane(url, metrics)
    async with listening(one) as recorder:
        yield Node(one, recorder, metrics)


async def talk(ann: Node, bob: Node, payload: bytes) -> None:
    """Check that each node receives what the other one publishes."""
    ann.backplane.publish(payload)
    bob.backplane.publish(payload)
    await ann.recorder.until(payload)
    await bob.recorder.until(payload)


@asynccontextmanager
async def failing(url: str) -> AsyncIterator[tuple[WatchedBackplane, Recorder]]:
    """Run a backplane within the block, which need not connect."""
    one, recorder = WatchedBackplane(url, Metrics()), Recorder()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, recorder)
        yield one, recorder
        nursery.cancel_scope.cancel()
