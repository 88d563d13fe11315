"""A server for each module, and its clients."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.certificates import certificate_files
from tests.support.server import ChatServer

from .speaker import NUMBER, Speaker
from .witness import Bystander


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module on several servers if it defines one of these names.

    ``ALSO_OVER_TLS``: without and with TLS. ``ALSO_ON_SQLITE``: with a store in memory, and in a
    file, for which a turn of the hub waits.
    """
    if "tls" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_OVER_TLS", False):
        metafunc.parametrize("tls", ["plain", "tls"], indirect=True, scope="module")
    if "store" in metafunc.fixturenames and getattr(metafunc.module, "ALSO_ON_SQLITE", False):
        metafunc.parametrize("store", ["memory", "sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def tls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags for TLS, or none."""
    if getattr(request, "param", "plain") == "plain":
        return ()
    return certificate_files(tmp_path_factory.mktemp("tls")).settings


@pytest.fixture(scope="module")
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags for the store."""
    if getattr(request, "param", "memory") == "memory":
        return ("--store", "memory:")
    return ("--store", f"sqlite:{tmp_path_factory.mktemp('store')}/chat.db")


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tls: tuple[str, ...], store: tuple[str, ...]
) -> Iterator[ChatServer]:
    """A server for the whole module, started with the module's ``SETTINGS``."""
    settings = getattr(request.module, "SETTINGS", ())
    with ChatServer(*settings, *tls, *store) as started:
        yield started


@pytest.fixture
def serve(tls: tuple[str, ...]) -> Iterator[Callable[..., ChatServer]]:
    """Start a server for one test, with these settings."""
    with ExitStack() as stack:
        yield lambda *settings: stack.enter_context(ChatServer(*settings, *tls))


@pytest.fixture(scope="module")
def bystander(server: ChatServer) -> Iterator[Bystander]:
    """A client that sends messages in the room of the module's server."""
    member = Bystander(server.url())
    yield member
    member.leave()


@pytest.fixture
def room() -> str:
    """A new room."""
    return f"room-{next(NUMBER)}"


@pytest.fixture
def speak(server: ChatServer) -> Iterator[Callable[..., Speaker]]:
    """Connect version 2 clients to the module's server, and close them at the end."""
    members: list[Speaker] = []

    def speak_as(name: str, *rooms: Any, **options: Any) -> Speaker:  # noqa: ANN401 - as `Speaker`
        members.append(Speaker(server.url(), name, *rooms, **options))
        return members[-1]

    yield speak_as
    for member in members:
        member.leave()
