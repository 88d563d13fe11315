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
from trio_chat.metrics import Metrics


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of the test's own."""
    with running() as one:
        yield one


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time limits of the backplane."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)


@frozen
class Node:
    """A running node."""

    backplane: RedisBackplane
    recorder: Recorder
    metrics: Metrics


def backplane(url: str, metrics: Metrics | None = None) -> RedisBackplane:
    """Make the backplane of one more node."""
    return RedisBackplane(read_address(url), "chat", metrics or Metrics())


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Node]:
    """Run a node within the block, which begins when its backplane is up."""
    metrics = Metrics()
    one = backplane(url, metrics)
    async with listening(one) as recorder:
        yield Node(one, recorder, metrics)


async def talk(ann: Node, bob: Node, payload: bytes) -> None:
    """Check that each node receives what the other one publishes."""
    ann.backplane.publish(payload)
    bob.backplane.publish(payload)
    await ann.recorder.until(payload)
    await bob.recorder.until(payload)


async def last_error(one: RedisBackplane, why: str) -> None:
    """Wait until the backplane reports this error."""
    with trio.fail_after(PATIENCE_SECONDS):
        while why not in (one.last_error or ""):  # noqa: ASYNC110 - of another task
            await trio.sleep(0.01)
