"""Refused arguments, variables and files: one line that names the source and the fault."""

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine, config

NETWORKS = "must be a list of IP addresses or networks like 10.0.0.0/8, not"
PORT = "must be a whole number from 0 to 65535, not"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--port 70000", f"--port {PORT} 70000"),
        ("--port -1", f"--port {PORT} -1"),
        ("--port x", f"--port {PORT} 'x'"),
        ("--port=80.5", f"--port {PORT} '80.5'"),
        ("--port=0x50", f"--port {PORT} '0x50'"),
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
def test_a_message_states_the_fault_of_an_argument(
    command_line: CommandLine, arguments: str, message: str
) -> None:
    assert command_line.refusal(*arguments.split()) == message


@pytest.mark.parametrize(
    ("arguments", "name"),
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
def test_a_message_names_an_invalid_argument(
    command_line: CommandLine, arguments: str, name: str
) -> None:
    assert name in command_line.refusal(*arguments.split())


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PROT", "1", "unknown environment variable TRIO_CHAT_PROT; did you mean TRIO_CHAT_PORT?"),
        ("ZZZ", "1", "unknown environment variable TRIO_CHAT_ZZZ"),
        ("PORT", "x", f"TRIO_CHAT_PORT {PORT} 'x'"),
        ("PORT", "", f"TRIO_CHAT_PORT {PORT} ''"),
        ("CONFIG", "nothing.toml", "cannot read nothing.toml: No such file or directory"),
    ],
)
def test_a_message_states_the_fault_of_a_variable(
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv("TRIO_CHAT_" + variable, value)
    assert command_line.refusal() == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "unknown key 'prot'; did you mean port?"),
        ("ping_interval = 1", "unknown key 'ping_interval'; did you mean ping-interval?"),
        ("config = 'd.toml'", "unknown key 'config'"),
        ("[chat]\nport = 1", "unknown key 'chat'"),
        ("port = '80'", f"port {PORT} '80'"),
        ("port = 80.5", f"port {PORT} 80.5"),
        ("port = [1]", f"port {PORT} (1,)"),
        ("port.a = 1", f"port {PORT} {{'a': 1}}"),
        ("host = 5", "host must be a list of host names or IP addresses, at least one, not 5"),
        ("trusted-proxy = 'x'", f"trusted-proxy {NETWORKS} ('x',)"),
    ],
)
def test_a_message_states_the_fault_of_a_file(
    command_line: CommandLine, text: str, message: str
) -> None:
    # A flag with the same setting does not hide the fault.
    assert command_line.refusal(*config(text), "--port", "1") == f"c.toml: {message}"


@pytest.mark.parametrize("content", [b"port =", b"\xff", b"port = 1\nport = 2", b"\0"])
def test_a_message_names_a_file_that_is_not_toml(command_line: CommandLine, content: bytes) -> None:
    Path("c.toml").write_bytes(content)
    message = command_line.refusal("--config", "c.toml")
    assert message.startswith("c.toml is not valid TOML: ")


def test_a_line_break_in_an_argument_makes_no_second_line(command_line: CommandLine) -> None:
    message = "cannot read a b: No such file or directory"
    assert command_line.refusal("--config", "a\nb") == message
