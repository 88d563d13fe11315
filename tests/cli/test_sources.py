"""Each setting as a flag, as an environment variable and as a key of a file."""

import attrs
import pytest

from tests.cli.conftest import CommandLine, config
from trio_chat.settings import Settings, flag_name

# One value for each setting, unlike its default.
OTHERS: dict[str, object] = {
    "host": ("::1", "chat.example.org"),
    "allow_origin": ("https://a.example", "http://b.example:8080"),
    "embed_origin": ("https://c.example",),
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
    if name in OTHERS:
        return OTHERS[name]
    default = getattr(Settings(), name)
    return default + 1 + 3 * NAMES.index(name)


def texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def variable(name: str) -> str:
    return "TRIO_CHAT_" + flag_name(name).upper().replace("-", "_")


def test_without_arguments_it_serves_with_the_defaults(command_line: CommandLine) -> None:
    assert command_line.settings() == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_a_flag(command_line: CommandLine, name: str) -> None:
    value = other(name)
    flags = [part for text in texts(value) for part in (f"--{flag_name(name)}", text)]
    assert command_line.settings(*flags) == Settings(**{name: value})  # type: ignore[arg-type]


def test_each_setting_is_a_variable_and_a_key_of_the_file(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {name: other(name) for name in NAMES}
    # No two are equal, but the two that can only be on or off.
    assert len(set(values.values())) == len(values) - 1
    expected = Settings(**values)  # type: ignore[arg-type]
    lines = [f"{flag_name(name)} = {toml(value)}" for name, value in values.items()]
    assert command_line.settings(*config("\n".join(lines))) == expected
    for name, value in values.items():
        monkeypatch.setenv(variable(name), " ".join(texts(value)))
    assert command_line.settings() == expected


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_only_a_variable_and_unchanged(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    flag = f"--{flag_name(name)}"
    for arguments in ((flag, "hush"), config(f'{flag_name(name)} = "hush"')):
        assert "hush" not in command_line.refusal(*arguments)
    assert f"{flag} " not in command_line.output("--help")
    monkeypatch.setenv(variable(name), " a  secret ")
    assert command_line.settings() == Settings(**{name: " a  secret "})  # type: ignore[arg-type]


def test_flags_override_the_environment_which_overrides_the_file(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config("send-queue = 1\nhistory-size = 1\nlarge-room-size = 1")
    monkeypatch.setenv("TRIO_CHAT_SEND_QUEUE", "2")
    monkeypatch.setenv("TRIO_CHAT_HISTORY_SIZE", "2")
    got = command_line.settings(*file, "--send-queue", "3")
    assert (got.send_queue, got.history_size, got.large_room_size) == (3, 2, 1)


def test_a_list_from_a_stronger_source_replaces_a_weaker_one(command_line: CommandLine) -> None:
    file = config('allow-origin = ["https://a.example", "https://b.example"]')
    got = command_line.settings(*file, "--allow-origin", "https://c.example")
    assert got.allow_origin == ("https://c.example",)


def test_the_file_can_be_named_by_the_environment(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIO_CHAT_CONFIG", config("port = 81")[1])
    assert command_line.settings().port == 81


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('host = "::1"', "host", ("::1",)),
        ("message-rate = 2", "message_rate", 2),
        ("allow-origin = []", "allow_origin", ()),
    ],
)
def test_the_file_may_hold_a_single_value_a_whole_rate_and_an_empty_list(
    command_line: CommandLine, text: str, name: str, value: object
) -> None:
    assert getattr(command_line.settings(*config(text)), name) == value


def test_a_list_in_the_environment_may_be_empty(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIO_CHAT_ALLOW_ORIGIN", "")
    assert command_line.settings().allow_origin == ()


def test_logging_follows_the_settings(command_line: CommandLine) -> None:
    assert command_line("--log-format", "json", "--log-level", "error") == 0
    assert command_line.log_settings == [("json", "error")]
