"""A Redis for each test, as it may come to harm, and two nodes that are quick to notice."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import frozen

from tests.contracts.backplanes import Ear, listening
from tests.support.redis import Redis, running
from tests.support.waiting import PATIENCE_SECONDS
from trio_chat.backplane import connection
from trio_chat.backplane import redis as module
from trio_chat.backplane.address import read_address
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.metrics import Metrics


@pytest.fixture
def redis() -> Iterator[Redis]:
    """One of the test's own."""
    with running() as one:
        yield one


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of silence are noticed as those of a real outage are, only sooner."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)


@frozen
class Node:
    """A node that runs.

    Attributes:
        backplane: Its.
        ear: Who listens.
        metrics: Its.
    """

    backplane: RedisBackplane
    ear: Ear
    metrics: Metrics


def backplane(url: str, metrics: Metrics | None = None) -> RedisBackplane:
    """That of one more node."""
    return RedisBackplane(read_address(url), "chat", metrics or Metrics())


@asynccontextmanager
async def node(url: str) -> AsyncIterator[Node]:
    """Run one, from when it is in reach on."""
    metrics = Metrics()
    one = backplane(url, metrics)
    async with listening(one) as ear:
        yield Node(one, ear, metrics)


async def talk(ann: Node, bob: Node, payload: bytes) -> None:
    """Hold that they hear each other."""
    ann.backplane.publish(payload)
    bob.backplane.publish(payload)
    await ann.ear.until(payload)
    await bob.ear.until(payload)


async def last_error(one: RedisBackplane, why: str) -> None:
    """Wait until this is its trouble."""
    with trio.fail_after(PATIENCE_SECONDS):
        while why not in (one.last_error or ""):  # noqa: ASYNC110 - of another task
            await trio.sleep(0.01)
