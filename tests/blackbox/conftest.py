"""A server for each module, and the people in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from .client import Chatter
from .server import ChatServer, running
from .witness import Bystander, Witness


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[ChatServer]:
    """A server for the whole module, started with the module's ``SETTINGS``."""
    with running(*getattr(request.module, "SETTINGS", ())) as started:
        yield started


@pytest.fixture
def serve() -> Iterator[Callable[..., ChatServer]]:
    """Start a server of the test's own, with these settings."""
    with ExitStack() as stack:
        yield lambda *settings: stack.enter_context(running(*settings))


@pytest.fixture(scope="module")
def witness(server: ChatServer) -> Iterator[Witness]:
    """Somebody who is in the room of the module's server from the first test to the last."""
    somebody = Witness(server.url())
    yield somebody
    somebody.leave()


@pytest.fixture(scope="module")
def bystander(server: ChatServer) -> Iterator[Bystander]:
    """Somebody who talks to itself in the room of the module's server."""
    somebody = Bystander(server.url())
    yield somebody
    somebody.leave()


@pytest.fixture
def join(server: ChatServer, witness: Witness) -> Iterator[Callable[..., Chatter]]:
    """Let people join the module's server; at the end all of them have left the room."""
    people: list[Chatter] = []

    def join_as(name: str, **options: Any) -> Chatter:  # noqa: ANN401 - websockets' own options
        people.append(Chatter(server.url(), name, **options))
        return people[-1]

    yield join_as
    for somebody in people:
        somebody.leave()
    witness.wait_until_alone()
