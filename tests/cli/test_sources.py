from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.cli.conftest import CommandLine
from trio_chat.settings import Settings, flag_name

# One value for each setting, unlike its default.
OTHERS: dict[str, object] = {
    "host": ("::1", "chat.example.org"),
    "allow_origin": ("https://a.example", "http://b.example:8080"),
    "server_name": ("chat.example.org", "chat"),
    "trusted_proxy": ("10.0.0.0/8", "::1"),
    "auth": "token",
    "token_secret_file": "/run/secret",
    "token_public_key_file": ("2026-11=/run/new.pem", "/run/old.pem"),
    "token_audience": "chat",
    "token_issuer": "https://id.example.org",
    "tls_cert": "/etc/cert.pem",
    "tls_key": "/etc/key.pem",
    "history_size": 7,
    "default_room": "lobby",
    "compression": "off",
    "store": "postgresql://ann:hush@db.example/chat",
    "store_sync": "normal",
    "store_pool_pre_ping": "off",
    "backplane": "rediss://ann:hush@redis.example",
    "backplane_channel": "chat-2",
    "log_format": "json",
    "log_level": "debug",
}
NAMES = [field.name for field in attrs.fields(Settings) if not field.metadata["is_secret"]]
SECRETS = [field.name for field in attrs.fields(Settings) if field.metadata["is_secret"]]


def other(name: str) -> object:
    default = getattr(Settings(), name)
    return OTHERS.get(name, default + 1 if isinstance(default, int | float) else None)


def texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "chat.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_without_arguments_it_serves_with_the_defaults(command_line: CommandLine) -> None:
    assert command_line.settings() == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_a_flag(command_line: CommandLine, name: str) -> None:
    flags = [part for text in texts(other(name)) for part in (f"--{flag_name(name)}", text)]
    assert command_line.settings(*flags) == Settings(**{name: other(name)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_an_environment_variable(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variable = "TRIO_CHAT_" + flag_name(name).upper().replace("-", "_")
    monkeypatch.setenv(variable, " ".join(texts(other(name))))
    assert command_line.settings() == Settings(**{name: other(name)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_a_key_of_the_file(
    command_line: CommandLine, write: Callable[[str], str], name: str
) -> None:
    path = write(f"{flag_name(name)} = {toml(other(name))}")
    assert command_line.settings("--config", path) == Settings(**{name: other(name)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_the_environment_is_unchanged(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TRIO_CHAT_" + flag_name(name).upper().replace("-", "_"), " a  secret ")
    assert command_line.settings() == Settings(**{name: " a  secret "})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_neither_a_flag_nor_a_key_of_the_file(
    command_line: CommandLine,
    write: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    assert command_line(f"--{flag_name(name)}", "hush") == 2
    assert command_line("--config", write(f'{flag_name(name)} = "hush"')) == 2
    assert command_line("--help") == 0
    out, err = capsys.readouterr()
    assert err.count("\n") == 2
    assert "hush" not in err
    assert f"--{flag_name(name)} " not in out


def test_flags_override_the_environment_which_overrides_the_file(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, write: Callable[[str], str]
) -> None:
    path = write("send-queue = 1\nhistory-size = 1\nlarge-room-size = 1")
    monkeypatch.setenv("TRIO_CHAT_SEND_QUEUE", "2")
    monkeypatch.setenv("TRIO_CHAT_HISTORY_SIZE", "2")
    got = command_line.settings("--config", path, "--send-queue", "3")
    assert (got.send_queue, got.history_size, got.large_room_size) == (3, 2, 1)


def test_a_single_value_in_the_file_is_a_list(
    command_line: CommandLine, write: Callable[[str], str]
) -> None:
    assert command_line.settings("--config", write('host = "::1"')).host == ("::1",)


def test_a_list_from_a_stronger_source_replaces_a_weaker_one(
    command_line: CommandLine, write: Callable[[str], str]
) -> None:
    path = write('allow-origin = ["https://a.example", "https://b.example"]')
    got = command_line.settings("--config", path, "--allow-origin", "https://c.example")
    assert got.allow_origin == ("https://c.example",)


def test_the_file_can_be_named_by_the_environment(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, write: Callable[[str], str]
) -> None:
    monkeypatch.setenv("TRIO_CHAT_CONFIG", write("port = 81"))
    assert command_line.settings().port == 81


def test_a_rate_may_be_a_whole_number(
    command_line: CommandLine, write: Callable[[str], str]
) -> None:
    assert command_line.settings("--config", write("message-rate = 2")).message_rate == 2


def test_a_list_in_the_file_may_be_empty(
    command_line: CommandLine, write: Callable[[str], str]
) -> None:
    assert command_line.settings("--config", write("allow-origin = []")).allow_origin == ()


def test_a_list_in_the_environment_may_be_empty(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIO_CHAT_ALLOW_ORIGIN", "")
    assert command_line.settings().allow_origin == ()


def test_logging_follows_the_settings(command_line: CommandLine) -> None:
    assert command_line("--log-format", "json", "--log-level", "error") == 0
    assert command_line.stores == [("json", "error")]
