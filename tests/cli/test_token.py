"""``trio-chat token``: a token on stdout and nothing else, or one line on stderr."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.cli.conftest import CommandLine, config
from tests.support.tokens import SECRET, ed25519_key, private_pem, public_pem, rsa_key
from trio_chat.access.keys import load_verifier
from trio_chat.settings import Settings


@pytest.fixture
def with_secret(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("TRIO_CHAT_TOKEN_SECRET", SECRET)
    return command_line


def made(line: CommandLine, *arguments: str) -> str:
    text, end, rest = line.output("token", *arguments).partition("\n")
    assert (end, rest) == ("\n", "")
    return text


def user_of(text: str, **settings: Any) -> str:  # noqa: ANN401 - any setting
    """Return the user that a server with these settings reads from a token."""
    verifier = load_verifier(Settings(auth="token", **settings))
    assert verifier is not None
    return verifier.verify(text, time.time()).name.shown


def test_token_uses_the_secret_of_the_environment(with_secret: CommandLine) -> None:
    assert user_of(made(with_secret, "--user", "ann"), token_secret=SECRET) == "ann"


def test_token_uses_the_secret_of_a_file(command_line: CommandLine) -> None:
    Path("secret").write_text(SECRET + "\n")
    text = made(command_line, "--user", "ann", "--token-secret-file", "secret")
    assert user_of(text, token_secret=SECRET) == "ann"


def test_token_reads_the_file_of_settings(command_line: CommandLine) -> None:
    Path("secret").write_text(SECRET)
    file = config(
        'port = 80\nauth = "token"\ntoken-secret-file = "secret"\n'
        'token-audience = "chat"\ntoken-issuer = "us"\n'
    )
    text = made(command_line, "--user", "ann", *file)
    assert user_of(text, token_secret=SECRET, token_audience="chat", token_issuer="us") == "ann"


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [
        (("--ttl", "90s"), 90),
        (("--ttl", "15m"), 900),
        (("--ttl", "1h"), 3600),
        (("--ttl", "30d"), 2_592_000),
        ((), 3600),
    ],
)
def test_token_has_the_given_lifetime_or_an_hour(
    with_secret: CommandLine, flags: tuple[str, ...], seconds: int
) -> None:
    before = int(time.time())
    text = made(with_secret, "--user", "Ann Lee", *flags)
    claims = jwt.decode(text, options={"verify_signature": False})
    assert before <= claims["iat"] <= time.time()
    assert (claims["exp"] - claims["iat"], claims["sub"]) == (seconds, "Ann Lee")


@pytest.mark.parametrize("key", [ed25519_key(), rsa_key()], ids=["EdDSA", "RS256"])
def test_token_uses_a_private_key(
    with_secret: CommandLine, key: Ed25519PrivateKey | RSAPrivateKey
) -> None:
    Path("private.pem").write_bytes(private_pem(key))
    Path("public.pem").write_bytes(public_pem(key))
    flags = ("--user", "ann", "--private-key-file", "private.pem")
    text = made(with_secret, *flags, "--kid", "k1")
    assert user_of(text, token_public_key_file=("k1=public.pem", "k2=public.pem")) == "ann"
    assert "kid" not in jwt.get_unverified_header(made(with_secret, *flags))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("--user ann --ttl 1", "--ttl must be a time like 90s, 15m, 1h or 30d, not '1'"),
        ("--user ann --ttl 0s", "not '0s'"),
        ("--user ann --ttl -5m", "--ttl"),
        ("--user ann --ttl 1.5h", "not '1.5h'"),
        ("--user ann --ttl 1w", "not '1w'"),
        ("--user ann --ttl 1000000d", "not '1000000d'"),
        ("--user ann --ttl", "--ttl"),
        ("--user {", "--user: The name must not begin with {"),
        ("--user=", "--user: The name is empty"),
        ("--user", "--user"),
        ("", "--user"),
        ("ann", "--user"),
        ("--user ann --kid k1", "--kid goes with --private-key-file"),
        ("--user ann --private-key-file nothing.pem", "cannot read nothing.pem: "),
        ("--user ann --port x", "--port must be a whole number"),
        ("--user ann --config nothing.toml", "cannot read nothing.toml"),
        ("--user ann --token-secret x", "--token-secret"),
    ],
)
def test_a_wrong_argument_of_token_is_one_line(
    with_secret: CommandLine, arguments: str, fault: str
) -> None:
    message = with_secret.refusal("token", *arguments.split())
    assert fault in message
    assert SECRET not in message


def test_without_a_valid_key_there_is_no_token(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "no token secret: set --token-secret-file or TRIO_CHAT_TOKEN_SECRET"
    assert command_line.refusal("token", "--user", "ann") == message
    monkeypatch.setenv("TRIO_CHAT_TOKEN_SECRET", "short")
    assert "at least 32 bytes, not 5" in command_line.refusal("token", "--user", "ann")
