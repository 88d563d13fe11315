"""Clients that have entered, and clocks for tests with real sockets."""

from collections.abc import AsyncIterator, Iterator

import pytest
import trio.testing

from tests.websocket import scene
from tests.websocket.pairs import Pair, outbox_pair
from tests.websocket.talk import Stage, Talk, hello


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    """A client of version 2 in an empty default room."""
    with Stage().talk() as talk:
        await talk.enter(hello())
        talk.sent()
        yield talk


@pytest.fixture
async def plain() -> AsyncIterator[Talk]:
    """A plain client in an empty default room."""
    with Stage().talk() as talk:
        await talk.enter()
        yield talk


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A small outbox on a bare socket."""
    with outbox_pair(send_queue=4, send_queue_bytes=1000) as pair:
        yield pair


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """A clock that jumps only after the kernel has had time to deliver.

    With `autojump_clock` a deadline could win against bytes on their way.
    """
    return trio.testing.MockClock(autojump_threshold=0.02)


@pytest.fixture(params=scene.CARRIERS)
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test on a bare socket, and again over TLS."""
    monkeypatch.setattr(scene, "carrier", request.param)
