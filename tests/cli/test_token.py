"""``trio-chat token``: a token on stdout and nothing else, or one line on stderr."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.cli.conftest import CommandLine
from tests.support.tokens import SECRET, ed25519_key, private_pem, public_pem, rsa_key
from trio_chat.access.keys import load_verifier
from trio_chat.settings import Settings


@pytest.fixture
def with_secret(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line whose environment has the secret."""
    monkeypatch.setenv("TRIO_CHAT_TOKEN_SECRET", SECRET)
    return command_line


def made(line: CommandLine, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The token that was printed."""
    assert line("token", *arguments) == 0
    assert not line.started
    out, err = capsys.readouterr()
    assert err == ""
    text, end, rest = out.partition("\n")
    assert (end, rest) == ("\n", "")
    return text


def claims(text: str) -> dict[str, Any]:
    return jwt.decode(text, options={"verify_signature": False})


def taken_by(text: str, **settings: Any) -> str:  # noqa: ANN401 - any setting
    """The name under which a server with these settings lets the token in."""
    verifier = load_verifier(Settings(auth="token", **settings))
    assert verifier is not None
    return verifier.verify(text, time.time()).name.shown


def test_token_uses_the_secret_of_the_environment(
    with_secret: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken_by(made(with_secret, capsys, "--user", "ann"), token_secret=SECRET) == "ann"


def test_token_uses_the_secret_of_a_file(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    text = made(command_line, capsys, "--user", "ann", "--token-secret-file", str(secret))
    assert taken_by(text, token_secret=SECRET) == "ann"


def test_token_reads_the_file_of_settings(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret, config = tmp_path / "secret", tmp_path / "chat.toml"
    secret.write_text(SECRET)
    config.write_text(
        f'port = 80\nauth = "token"\ntoken-secret-file = "{secret}"\n'
        'token-audience = "chat"\ntoken-issuer = "us"\n'
    )
    text = made(command_line, capsys, "--user", "ann", "--config", str(config))
    assert taken_by(text, token_secret=SECRET, token_audience="chat", token_issuer="us") == "ann"


@pytest.mark.parametrize(
    ("ttl", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)]
)
def test_token_has_the_given_lifetime(
    with_secret: CommandLine, capsys: pytest.CaptureFixture[str], ttl: str, seconds: int
) -> None:
    before = int(time.time())
    said = claims(made(with_secret, capsys, "--user", "Ann Lee", "--ttl", ttl))
    assert before <= said["iat"] <= time.time()
    assert said["exp"] - said["iat"] == seconds
    assert said["sub"] == "Ann Lee"


def test_token_lifetime_defaults_to_an_hour(
    with_secret: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    said = claims(made(with_secret, capsys, "--user", "ann"))
    assert said["exp"] - said["iat"] == 3600


@pytest.mark.parametrize("key", [ed25519_key(), rsa_key()], ids=["EdDSA", "RS256"])
def test_token_uses_a_private_key(
    with_secret: CommandLine,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    key: Ed25519PrivateKey | RSAPrivateKey,
) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key))
    flags = ("--user", "ann", "--private-key-file", str(private))
    text = made(with_secret, capsys, *flags, "--kid", "k1")
    assert taken_by(text, token_public_key_file=(f"k1={public}", f"k2={public}")) == "ann"
    assert "kid" not in jwt.get_unverified_header(made(with_secret, capsys, *flags))


@pytest.mark.parametrize(
    ("arguments", "says"),
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
    with_secret: CommandLine, capsys: pytest.CaptureFixture[str], arguments: str, says: str
) -> None:
    assert with_secret("token", *arguments.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("trio-chat: ")
    assert err.count("\n") == 1
    assert says in err
    assert SECRET not in err


def test_without_a_key_there_is_no_token(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line("token", "--user", "ann") == 2
    assert capsys.readouterr() == (
        "",
        "trio-chat: no token secret: set --token-secret-file or TRIO_CHAT_TOKEN_SECRET\n",
    )


def test_a_short_secret_makes_no_token(
    command_line: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIO_CHAT_TOKEN_SECRET", "short")
    assert command_line("token", "--user", "ann") == 2
    assert "at least 32 bytes, not 5" in capsys.readouterr().err
