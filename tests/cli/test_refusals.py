from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(line: CommandLine, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run, expect a refusal, and give its one line without the program's name."""
    assert line(*arguments) == 2
    assert not line.started
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trio-chat: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err.removeprefix("trio-chat: ").rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--port 70000", "--port must be a whole number from 0 to 65535, not 70000"),
        ("--port -1", "--port must be a whole number from 0 to 65535, not -1"),
        ("--port x", "--port must be a whole number from 0 to 65535, not 'x'"),
        ("--port=80.5", "--port must be a whole number from 0 to 65535, not '80.5'"),
        ("--port=0x50", "--port must be a whole number from 0 to 65535, not '0x50'"),
        (
            "--message-rate -1",
            "--message-rate must be a number from 0 (no limit) to 2147483647, not -1.0",
        ),
        (
            "--ping-interval 0",
            "--ping-interval must be a number of seconds above 0, at most 2147483647, not 0.0",
        ),
        ("--log-format xml", "--log-format must be one of console, json, not 'xml'"),
        ("--config nothing.toml", "cannot read nothing.toml: No such file or directory"),
        ("--config .", "cannot read .: Is a directory"),
        ("serv", "unknown argument 'serv'"),
    ],
)
def test_a_wrong_argument_is_one_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], arguments: str, says: str
) -> None:
    assert refusal(command_line, capsys, *arguments.split()) == says


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("--prot 80", "--port"),
        ("--ping-interval-seconds 3", "--ping-interval-seconds"),
        ("--no-port", "--no-port"),
        ("--empty-allow-origin", "--empty-allow-origin"),
        ("-p 80", "-p"),
        ("--port", "--port"),
        ("--host=", "--host"),
        ("--port 1 --port 2", "--port"),
        ("--config", "--config"),
    ],
)
def test_an_invalid_argument_is_named(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], arguments: str, names: str
) -> None:
    assert names in refusal(command_line, capsys, *arguments.split())


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"PROT": "1"},
            "unknown environment variable TRIO_CHAT_PROT; did you mean TRIO_CHAT_PORT?",
        ),
        ({"ZZZ": "1"}, "unknown environment variable TRIO_CHAT_ZZZ"),
        ({"PORT": "x"}, "TRIO_CHAT_PORT must be a whole number from 0 to 65535, not 'x'"),
        ({"PORT": ""}, "TRIO_CHAT_PORT must be a whole number from 0 to 65535, not ''"),
        ({"CONFIG": "nothing.toml"}, "cannot read nothing.toml: No such file or directory"),
    ],
)
def test_a_wrong_environment_is_one_line(
    command_line: CommandLine,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: Mapping[str, str],
    says: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv("TRIO_CHAT_" + name, value)
    assert refusal(command_line, capsys) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "c.toml: unknown key 'prot'; did you mean port?"),
        ("ping_interval = 1", "c.toml: unknown key 'ping_interval'; did you mean ping-interval?"),
        ("config = 'd.toml'", "c.toml: unknown key 'config'"),
        ("[chat]\nport = 1", "c.toml: unknown key 'chat'"),
        ("port = '80'", "c.toml: port must be a whole number from 0 to 65535, not '80'"),
        ("port = 80.5", "c.toml: port must be a whole number from 0 to 65535, not 80.5"),
        ("port = [1]", "c.toml: port must be a whole number from 0 to 65535, not (1,)"),
        ("port.a = 1", "c.toml: port must be a whole number from 0 to 65535, not {'a': 1}"),
        (
            "host = 5",
            "c.toml: host must be a list of host names or IP addresses, at least one, not 5",
        ),
        (
            "trusted-proxy = 'proxy'",
            (
                "c.toml: trusted-proxy must be a list of IP addresses or networks"
                " like 10.0.0.0/8, not ('proxy',)"
            ),
        ),
    ],
)
def test_a_wrong_entry_of_the_file_is_one_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    Path("c.toml").write_text(text, encoding="utf-8")
    assert refusal(command_line, capsys, "--config", "c.toml") == says


@pytest.mark.parametrize("content", [b"port =", b"\xff", b"port = 1\nport = 2", b"\0"])
def test_a_file_that_is_no_toml_is_one_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    Path("c.toml").write_bytes(content)
    said = refusal(command_line, capsys, "--config", "c.toml")
    assert said.startswith("c.toml is not valid TOML: ")


def test_a_wrong_entry_of_the_file_is_refused_even_if_a_flag_replaces_it(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.toml").write_text("port = 'x'", encoding="utf-8")
    assert "c.toml" in refusal(command_line, capsys, "--config", "c.toml", "--port", "1")


def test_a_line_break_in_an_argument_makes_no_second_line(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(command_line, capsys, "--config", "a\nb") == (
        "cannot read a b: No such file or directory"
    )
