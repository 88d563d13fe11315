"""A command line whose server only takes note of what it was started with."""

import os
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from attrs import define, field

import trio_chat
from trio_chat.cli.app import main
from trio_chat.cli.sources import ENV_PREFIX
from trio_chat.settings import Settings


@define
class CommandLine:
    """Runs ``main`` in this process.

    Attributes:
        on_start: What the server does when it is started; it gives the exit status.
        started: The settings of each start.
        logs: What the store was configured with at each start.
    """

    on_start: Callable[[], int] = lambda: 0
    started: list[Settings] = field(factory=list)
    stores: list[tuple[str, str]] = field(factory=list)

    def __call__(self, *arguments: str) -> int:
        """Run, and give the exit status."""
        return main(arguments)

    def serve(self, settings: Settings, **_: object) -> int:
        """Stand in for ``server.run``."""
        self.started.append(settings)
        return self.on_start()

    def settings(self, *arguments: str) -> Settings:
        """Start once, and give what the server was started with."""
        assert main(arguments) == 0
        return self.started.pop()


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    hangup = signal.getsignal(signal.SIGHUP)
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    # As wide as no terminal is, so that a line of help is a line.
    monkeypatch.setenv("COLUMNS", "300")
    line = CommandLine()
    monkeypatch.setattr(trio_chat, "server", SimpleNamespace(run=line.serve), raising=False)
    monkeypatch.setattr("trio_chat.cli.serve.configure", lambda *how: line.stores.append(how[:2]))
    yield line
    signal.signal(signal.SIGHUP, hangup)
