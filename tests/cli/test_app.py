import io
from typing import Literal, get_args, get_origin

import attrs
import pytest
from structlog.testing import capture_logs

from tests.cli.conftest import CommandLine
from trio_chat import __version__
from trio_chat.errors import StartError
from trio_chat.settings import Group, Settings, flag_name


@pytest.fixture
def help_lines(command_line: CommandLine, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert command_line("--help") == 0
    assert not command_line.started
    return capsys.readouterr().out.splitlines()


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


def test_help_shows_no_flag_that_is_no_setting(help_lines: list[str]) -> None:
    shown = {line.split()[0] for line in help_lines if line.startswith(" --")}
    flags = {f"--{flag_name(field.name)}" for field in attrs.fields(Settings)}
    assert shown - flags == {"--config", "--help", "--version"}
    assert not any("--empty" in line for line in help_lines)


def test_help_draws_no_boxes(help_lines: list[str]) -> None:
    assert all(line.isascii() for line in help_lines)


def test_version_prints_the_version(
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


def test_ctrl_c_prints_no_traceback(
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
