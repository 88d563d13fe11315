"""A command line whose server only records its start."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import define, field

import trio_chat
from trio_chat.cli.app import main
from trio_chat.cli.sources import ENV_PREFIX
from trio_chat.settings import Settings


@define
class CommandLine:
    """Runs ``main`` in this process, in an empty folder.

    ``on_start`` returns the exit status of a server. ``log_settings`` has the format and the level
    of log lines at each start.
    """

    _capsys: pytest.CaptureFixture[str]
    on_start: Callable[[], int] = lambda: 0
    started: list[Settings] = field(factory=list)
    log_settings: list[tuple[str, str]] = field(factory=list)

    def __call__(self, *arguments: str) -> int:
        return main(arguments)

    def serve(self, settings: Settings, **_: object) -> int:
        """Stand in for ``server.run``."""
        self.started.append(settings)
        return self.on_start()

    def settings(self, *arguments: str) -> Settings:
        """Start a server, and return its settings."""
        assert main(arguments) == 0
        return self.started.pop()

    def output(self, *arguments: str) -> str:
        """Run a command that succeeds without a server, and return its output."""
        assert main(arguments) == 0
        assert not self.started
        out, err = self._capsys.readouterr()
        assert err == ""
        return out

    def refusal(self, *arguments: str) -> str:
        """Run a command that is refused, and return its one line, without the program's name."""
        assert main(arguments) == 2
        assert not self.started
        out, err = self._capsys.readouterr()
        name, colon, message = err.partition(": ")
        assert (out, name, colon, err.count("\n"), err[-1]) == ("", "trio-chat", ": ", 1, "\n")
        return message.rstrip("\n")


def config(text: str) -> tuple[str, str]:
    """Write a file of settings, and return the flag that names it."""
    Path("c.toml").write_text(text, encoding="utf-8")
    return "--config", "c.toml"


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    hangup = signal.getsignal(signal.SIGHUP)
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")  # so that help breaks no line
    line = CommandLine(capsys)
    monkeypatch.setattr(trio_chat, "server", SimpleNamespace(run=line.serve), raising=False)
    monkeypatch.setattr(
        "trio_chat.cli.serve.configure", lambda *how: line.log_settings.append(how[:2])
    )
    yield line
    signal.signal(signal.SIGHUP, hangup)
