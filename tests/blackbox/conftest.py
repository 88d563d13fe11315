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
    """Run a module once for each of its ``KINDS`` of servers."""
    if "kind" in metafunc.fixturenames and (kinds := getattr(metafunc.module, "KINDS", None)):
        metafunc.parametrize("kind", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, ...]:
    """The flags of a server that is plain or speaks TLS."""
    match getattr(request, "param", "plain"):
        case "tls":
            return certificate_files(tmp_path_factory.mktemp("tls")).settings
    return ()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, kind: tuple[str, ...]) -> Iterator[ChatServer]:
    """A server for the whole module, started with the module's ``SETTINGS``."""
    with ChatServer(*getattr(request.module, "SETTINGS", ()), *kind) as started:
        yield started


@pytest.fixture
def serve(kind: tuple[str, ...]) -> Iterator[Callable[..., ChatServer]]:
    """Start a server for one test, with these settings."""
    with ExitStack() as stack:
        yield lambda *settings: stack.enter_context(ChatServer(*settings, *kind))


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
