"""A server for each module, and the people in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.certificates import certificate_files

from .client import Chatter
from .server import ChatServer, running
from .witness import Bystander, Witness


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a module that says ``ALSO_OVER_TLS`` run on a server without and on one with TLS."""
    if "tls" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_OVER_TLS", False):
        metafunc.parametrize("tls", ["plain", "tls"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def tls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags that make a server speak TLS, or none."""
    if getattr(request, "param", "plain") == "plain":
        return ()
    return certificate_files(tmp_path_factory.mktemp("tls")).settings


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tls: tuple[str, ...]) -> Iterator[ChatServer]:
    """A server for the whole module, started with the module's ``SETTINGS``."""
    with running(*getattr(request.module, "SETTINGS", ()), *tls) as started:
        yield started


@pytest.fixture
def serve(tls: tuple[str, ...]) -> Iterator[Callable[..., ChatServer]]:
    """Start a server of the test's own, with these settings."""
    with ExitStack() as stack:
        yield lambda *settings: stack.enter_context(running(*settings, *tls))


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
