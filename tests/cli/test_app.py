import io

import attrs
import pytest
from structlog.testing import capture_logs

from tests.cli.conftest import CommandLine
from trio_chat import __version__
from trio_chat.errors import StartError
from trio_chat.settings import Settings, flag_name


def test_help_explains_each_setting_with_its_default(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line("--help") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.split()}
    for field in attrs.fields(Settings):
        if field.metadata["is_secret"]:
            continue
        line = lines[f"--{flag_name(field.name)}"]
        assert field.metadata["help"] in line
        default = '""' if field.default == "" else field.default
        assert f"[default: {default}]" in line
    assert not command_line.started


def test_help_draws_no_boxes(command_line: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line("--help") == 0
    assert capsys.readouterr().out.isascii()


def test_version_is_the_version(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line("--version") == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_the_exit_status_is_that_of_the_server(command_line: CommandLine) -> None:
    command_line.on_start = lambda: 1
    assert command_line() == 1


def test_a_server_that_cannot_start_is_one_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> int:
        msg = "port 8080 is\nin use"
        raise StartError(msg)

    command_line.on_start = refuse
    assert command_line() == 2
    assert capsys.readouterr() == ("", "trio-chat: port 8080 is in use\n")


def test_ctrl_c_is_no_traceback(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    command_line.on_start = interrupt
    assert command_line() == 130
    assert capsys.readouterr() == ("", "")


def test_a_server_that_fails_is_logged_with_its_traceback_and_ends_with_1(
    command_line: CommandLine,
) -> None:
    def fail() -> int:
        msg = "the hub"
        raise ExceptionGroup(msg, [ZeroDivisionError()])

    command_line.on_start = fail
    with capture_logs() as lines:
        assert command_line() == 1
    assert [(line["event"], line["log_level"]) for line in lines] == [("server failed", "critical")]


def test_output_that_cannot_be_written_is_one_line(
    command_line: CommandLine,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere: list[int] = []

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

        def fileno(self) -> int:
            return 1

    monkeypatch.setattr("trio_chat.cli.app.lead_nowhere", nowhere.append)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Full())
        assert command_line("--version") == 1
    assert nowhere == [1]
    assert capsys.readouterr().err == (
        "trio-chat: cannot write to stdout: No space left on device\n"
    )
