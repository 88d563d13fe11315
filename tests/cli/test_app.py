"""The help, and each way in which a command can end."""

import io
from collections.abc import Callable
from typing import Literal, get_args, get_origin

import attrs
import pytest
from structlog.testing import capture_logs

from tests.cli.conftest import CommandLine
from trio_chat import __version__
from trio_chat.errors import StartError
from trio_chat.settings import Group, Settings, flag_name


@pytest.fixture
def help_lines(command_line: CommandLine) -> list[str]:
    return command_line.output("--help").splitlines()


def test_help_shows_each_setting_in_its_group_with_its_choices_and_default(
    help_lines: list[str],
) -> None:
    lines = {line.split()[0]: number for number, line in enumerate(help_lines) if line.split()}
    groups = {name: lines[name] for name in map(str, Group)}
    for field in attrs.fields(Settings):
        if field.metadata["is_secret"]:
            continue
        number = lines[f"--{flag_name(field.name)}"]
        line = help_lines[number]
        assert field.metadata["help"] in line
        if field.default not in {(), ""}:
            default = Settings().host[0] if field.name == "host" else field.default
            assert line.rstrip().endswith(f"[default: {default}]")
        if choices := get_args(field.type) if get_origin(field.type) is Literal else ():
            assert f"[choices: {', '.join(choices)}]" in line
        assert field.metadata["group"] == max(
            (name for name in groups if groups[name] < number), key=groups.__getitem__
        )


def test_help_shows_only_settings_and_draws_no_boxes(help_lines: list[str]) -> None:
    shown = {line.split()[0] for line in help_lines if line.startswith(" --")}
    flags = {f"--{flag_name(field.name)}" for field in attrs.fields(Settings)}
    assert shown - flags == {"--config", "--help", "--version"}
    assert not any("--empty" in line for line in help_lines)
    assert all(line.isascii() for line in help_lines)


def test_version_prints_the_version(command_line: CommandLine) -> None:
    assert command_line.output("--version") == f"{__version__}\n"


def test_the_exit_status_is_that_of_the_server(command_line: CommandLine) -> None:
    command_line.on_start = lambda: 1
    assert command_line() == 1


def raising(error: BaseException) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (StartError("port 8080 is\nin use"), 2, "trio-chat: port 8080 is in use\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_failed_start_prints_one_line_and_ctrl_c_none(
    command_line: CommandLine,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    line: str,
) -> None:
    command_line.on_start = raising(error)
    assert command_line() == status
    assert capsys.readouterr() == ("", line)


def test_a_server_that_fails_is_logged_with_its_traceback_and_ends_with_1(
    command_line: CommandLine,
) -> None:
    command_line.on_start = raising(ExceptionGroup("the hub", [ZeroDivisionError()]))
    with capture_logs() as lines:
        assert command_line() == 1
    assert lines == [{"event": "server failed", "exc_info": True, "log_level": "critical"}]


def test_a_failed_write_of_the_output_is_one_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
    message = "trio-chat: cannot write to stdout: No space left on device\n"
    assert capsys.readouterr().err == message
