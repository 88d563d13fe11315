"""A server for each module, and the people in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.support.certificates import certificate_files
from tests.support.client import Chatter
from tests.support.server import ChatServer, running

from .speaker import NO_LIMITS, NUMBER, Speaker
from .witness import Bystander, Witness


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a module that says so run on several servers.

    ``ALSO_OVER_TLS``: on one without and on one with TLS. ``ALSO_ON_SQLITE``: with its store in
    memory, where a turn of the hub waits for nothing, and in a file, where it does.
    """
    if "tls" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_OVER_TLS", False):
        metafunc.parametrize("tls", ["plain", "tls"], indirect=True, scope="module")
    if "store" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_ON_SQLITE", False):
        metafunc.parametrize("store", ["memory", "sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def tls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags that make a server speak TLS, or none."""
    if getattr(request, "param", "plain") == "plain":
        return ()
    return certificate_files(tmp_path_factory.mktemp("tls")).settings


@pytest.fixture(scope="module")
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags that say where history is kept."""
    if getattr(request, "param", "memory") == "memory":
        return ("--store", "memory:")
    return ("--store", f"sqlite:{tmp_path_factory.mktemp('store')}/chat.db")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ChatServer]]:
    """Give the server that modules share which keep to rooms of their own, by its kind of store."""
    stores = {
        "memory:": "memory:",
        "sqlite:": f"sqlite:{tmp_path_factory.mktemp('shared')}/chat.db",
    }
    with ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(running(*NO_LIMITS, "--store", stores[kind])))


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tls: tuple[str, ...], store: tuple[str, ...]
) -> Iterator[ChatServer]:
    """A server for the whole module, started with the module's ``SETTINGS``.

    Those that are ``NO_LIMITS`` share one: a server takes its time to start.
    """
    settings = getattr(request.module, "SETTINGS", ())
    if settings is NO_LIMITS:
        kind = store[-1].partition(":")[0]
        yield request.getfixturevalue("shared_server")(f"{kind}:")
        return
    with running(*settings, *tls, *store) as started:
        yield started


@pytest.fixture
def serve(tls: tuple[str, ...]) -> Iterator[Callable[..., ChatServer]]:
    """Start a server of the test's own, with these settings."""
    with ExitStack() as stack:
        yield lambda *settings: stack.enter_context(running(*settings, *tls))


@pytest.fixture(scope="module")
def witness(server: ChatServer) -> Iterator[Witness]:
    """A client that stays in the room of the module's server during all its tests."""
    somebody = Witness(server.url())
    yield somebody
    somebody.leave()


@pytest.fixture(scope="module")
def bystander(server: ChatServer) -> Iterator[Bystander]:
    """A client that sends messages in the room of the module's server."""
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


@pytest.fixture
def room() -> str:
    """A fresh room."""
    return f"room-{next(NUMBER)}"


@pytest.fixture
def speak(server: ChatServer) -> Iterator[Callable[..., Speaker]]:
    """Connect version 2 clients to the module's server, and close them at the end."""
    people: list[Speaker] = []

    def come_as(name: str, *rooms: Any, **options: Any) -> Speaker:  # noqa: ANN401 - as `Speaker`
        people.append(Speaker(server.url(), name, *rooms, **options))
        return people[-1]

    yield come_as
    for somebody in people:
        somebody.leave()
