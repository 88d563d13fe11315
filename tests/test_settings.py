import re
import tomllib
from pathlib import Path

import attrs
import pytest

from trio_chat.settings import Settings, complaint_about, flag_name

FIELDS = attrs.fields_dict(Settings)


def test_defaults_are_within_their_own_bounds() -> None:
    assert Settings() == Settings()
    assert all(complaint_about(field, field.default) is None for field in FIELDS.values())


def test_settings_never_change_once_made() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_every_default_has_a_comment() -> None:
    source = (Path(__file__).parents[1] / "trio_chat" / "settings.py").read_text(encoding="utf-8")
    lines = source.partition("class Settings")[2].splitlines()
    fields = [number for number, line in enumerate(lines) if re.match(r"    \w+: ", line)]
    bare = {
        lines[number].split(":")[0].strip()
        for number in fields
        if not lines[number - 1].startswith("    # ")
    }
    assert len(fields) == len(FIELDS)
    # A burst is explained with its rate, on the line before.
    assert all(name.endswith("_burst") for name in bare)


def test_each_setting_has_one_line_of_help() -> None:
    helps = [field.metadata["help"] for field in FIELDS.values()]
    assert all(text.endswith(".") and "\n" not in text for text in helps)
    assert len(set(helps)) == len(helps)


@pytest.mark.parametrize(
    ("field", "flag"),
    [
        ("port", "port"),
        ("ping_interval_seconds", "ping-interval"),
        ("send_queue_bytes", "send-queue-bytes"),
    ],
)
def test_a_flag_is_the_name_with_dashes_and_without_seconds(field: str, flag: str) -> None:
    assert flag_name(field) == flag


def test_flags_are_usable_as_toml_keys() -> None:
    document = "\n".join(f"{flag_name(name)} = 1" for name in FIELDS)
    assert len(tomllib.loads(document)) == len(FIELDS)


def each(*values: object) -> list[object]:
    """Return a tuple of one for each value."""
    return [(value,) for value in values]


WRONG: dict[str, list[object]] = {
    "host": ["127.0.0.1", (), *each("", "a b", "a\n", "[]", "[127.0.0.1]", "[::1]:8080", 5)],
    "port": [-1, 65536, True, 80.0, "80"],
    "embed_origin": ["https://example.org", ("*",), ("https://example.org/x",), ("example.org",)],
    "allow_origin": [
        *("*", ("*", "null")),
        *each("example.org", "https://example.org/", "https://Example.org", "https://a.b:port", 1),
    ],
    "server_name": [
        "example.org",
        *each("Example.org", "example.org:80", "https://example.org", "*", "", 1),
    ],
    "trusted_proxy": each("10.0.0.0/33", "10.0.0.1/8", "proxy", 1),
    "auth": ["tokens"],
    "token_secret_file": [5, "a\0b"],
    "token_public_key_file": ["key.pem", *each("", 5)],
    "token_audience": [None],
    "token_issuer": [("a",)],
    "tls_cert": [5],
    "tls_key": ["a\0b"],
    "message_rate": [-0.1, float("nan"), float("inf"), 10**400, "10", True],
    "message_burst": [0],
    "history_size": [0, 101],
    "send_queue": [0],
    "send_buffer_bytes": [2**31],
    "ping_interval_seconds": [0, -1.0, float("nan"), 2.0**31],
    "default_room": ["", "General", ".room", "a" * 65, "room\n"],
    "store_sync": ["off"],
    "store_pool_size": [0],
    "store_pool_overflow": [-1],
    "store_pool_lifetime_seconds": [0],
    "store_pool_pre_ping": ["yes"],
    "backplane_channel": ["", "a b", "a" * 65],
    "log_format": ["xml"],
    "log_level": ["INFO"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_value_out_of_bounds_is_refused_by_its_flag(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{flag_name(name)} must be .*, not "):
        Settings(**{name: value})  # type: ignore[arg-type]


VALID: dict[str, list[object]] = {
    "host": [("::", "127.0.0.2"), ("[::1]", "chat.example.org")],
    "port": [0, 65535],
    "allow_origin": [("*",), ("https://example.org", "http://[::1]:8080", "https://a.b:1")],
    "embed_origin": [("https://intranet.example.org", "http://localhost:8000")],
    "server_name": [("example.org", "xn--bcher-kva.example", "127.0.0.1", "[::1]")],
    "trusted_proxy": [("10.0.0.0/8", "::1", "192.0.2.1")],
    "auth": ["token"],
    "token_secret_file": ["", "a b/c"],
    "token_secret": ["anything"],
    "token_public_key_file": [("key.pem", "2026-11=key.pem")],
    "token_audience": ["chat"],
    "token_issuer": ["https://id.example.org"],
    "tls_cert": [""],
    "tls_key": ["/etc/letsencrypt/live/chat.example.org/privkey.pem"],
    "message_rate": [0, 0.5],
    "message_burst": [1],
    "history_size": [1, 100],
    "send_queue": [1],
    "send_buffer_bytes": [2**31 - 1],
    "ping_interval_seconds": [0.01, 2**31 - 1],
    "default_room": ["a", "0" + "a._-" * 15 + "abc"],
    "store": [
        "memory:",
        "sqlite:chat.db",
        "sqlite:/var/lib/trio chat/chat.db",
        "postgresql://db.example/chat",
        "postgresql://ann:p%40ss@[::1]:5432/chat?sslmode=require",
        "postgresql:///chat?host=/run/postgresql",
        "postgresql://ann:p%2Css@a.example,b.example/chat",
        "postgresql://ann@a.example:5432,[::1]:5433/chat?target_session_attrs=read-write",
    ],
    "store_sync": ["normal"],
    "store_pool_overflow": [0],
    "store_pool_pre_ping": ["off"],
    "backplane": [
        "local:",
        "redis://redis.example",
        "redis://ann:p%40ss@[::1]:6379/0",
        "rediss://:hush@redis.example?ssl_ca_certs=/etc/ca.pem",
    ],
    "backplane_channel": ["chat:1", "a" * 64],
    "log_format": ["json"],
    "log_level": ["debug"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in VALID.items() for value in values]
)
def test_a_value_at_its_bound_is_valid(name: str, value: object) -> None:
    assert getattr(Settings(**{name: value}), name) == value  # type: ignore[arg-type]


def test_neither_settings_nor_errors_reveal_a_secret() -> None:
    assert "hush" not in repr(Settings(token_secret="hush"))
    assert "hush" not in repr(Settings(store="postgresql://ann:hush@db.example/chat"))
    assert "hush" not in repr(Settings(backplane="redis://ann:hush@redis.example"))
    with pytest.raises(ValueError, match=r"^token-secret must be ") as refused:
        Settings(token_secret=b"hush")  # type: ignore[arg-type]
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "memory",
        "memory:x",
        "memory://",
        "chat.db",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:///hush.db",
        "sqlite:a\0hush",
        "postgresql:chat",
        "postgres://ann:hush@db.example/chat",
        "postgresql+psycopg://ann:hush@db.example/chat",
        "postgresql://ann:hush@db.example:port/chat",
        "postgresql://ann:hush@db.example:0/chat",
        "postgresql://ann:hush@a.example:port,b.example:5432/chat",
        "postgresql://ann:hush@a.example:5432,b.example:0/chat",
        "postgresql://ann:hush@[::1/chat",
        "postgresql://ann:hush@db.example/chat\n",
        "mysql://ann:hush@db.example/chat",
        None,
        5,
    ],
)
def test_an_invalid_store_is_refused_without_revealing_a_password(value: object) -> None:
    with pytest.raises(ValueError, match=r"^store must be memory:, sqlite:PATH or ") as refused:
        Settings(store=value)  # type: ignore[arg-type]
    assert "hush" not in str(refused.value)
    assert str(refused.value).endswith("DATABASE")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "local",
        "redis",
        "redis:",
        "redis://",
        "redis://:hush@",
        "redis://ann:hush@redis.example:port",
        "redis://ann:hush@redis.example:0",
        "redis://ann:hush@[::1",
        "redis://ann:hush@redis.example/1",
        "redis://ann:hush#@redis.example",
        "redis://ann:hush@redis.example\n",
        "valkey://ann:hush@redis.example",
        "http://ann:hush@redis.example",
        None,
        5,
    ],
)
def test_an_invalid_backplane_is_refused_without_revealing_a_password(
    value: object,
) -> None:
    with pytest.raises(ValueError, match=r"^backplane must be local:, redis://HOST:") as refused:
        Settings(backplane=value)  # type: ignore[arg-type]
    assert "hush" not in str(refused.value)
    assert str(refused.value).endswith(" than /0")
