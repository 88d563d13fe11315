"""Keys from settings and files, and each fault of a key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from tests.support.tokens import (
    SECRET,
    by_ed25519,
    by_rsa,
    by_secret,
    ed25519_key,
    for_user,
    private_pem,
    public_pem,
    rsa_key,
    token,
)
from trio_chat.access.keys import load_private_key, load_verifier
from trio_chat.access.tokens import BadToken, Verifier
from trio_chat.errors import StartError
from trio_chat.settings import Settings

CLAIMS = {"sub": "ann", "exp": 2000}
P256 = generate_private_key(SECP256R1())

Write = Callable[[str, bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


def verifier(**settings: Any) -> Verifier:  # noqa: ANN401 - any setting
    made = load_verifier(Settings(auth="token", **settings))
    assert made is not None
    return made


def verifies(checking: Verifier, text: str) -> bool:
    try:
        return checking.verify(text, 1000).name.shown == "ann"
    except BadToken:
        return False


def refusal(**settings: Any) -> str:  # noqa: ANN401 - any setting
    with pytest.raises(StartError) as refused:
        verifier(**settings)
    line = str(refused.value)
    assert "\n" not in line
    return line


# --- settings ------------------------------------------------------------------------------------


def test_without_authentication_there_is_no_verifier() -> None:
    assert load_verifier(Settings()) is None


def test_tokens_need_a_key() -> None:
    assert refusal() == (
        "--auth token needs a key: set --token-secret-file,"
        " TRIO_CHAT_TOKEN_SECRET or --token-public-key-file"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("token_secret", SECRET), ("token_secret_file", "x"), ("token_audience", "x")),
        *(("token_public_key_file", ("x",)), ("token_issuer", "x")),
    ],
)
def test_token_settings_without_authentication_are_refused(name: str, value: Any) -> None:  # noqa: ANN401
    with pytest.raises(StartError, match="have no effect without --auth token"):
        load_verifier(Settings(**{name: value}))


def test_two_kinds_of_keys_are_refused(write: Write) -> None:
    file = write("secret", SECRET.encode())
    key = (write("key.pem", public_pem(ed25519_key())),)
    assert "set only one" in refusal(token_secret=SECRET, token_secret_file=file)
    assert "set only one" in refusal(token_secret=SECRET, token_public_key_file=key)
    assert "set only one" in refusal(token_secret_file=file, token_public_key_file=key)


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_line_break_is_no_part_of_a_secret_file(write: Write, ending: bytes) -> None:
    checking = verifier(token_secret_file=write("secret", SECRET.encode() + ending))
    assert verifies(checking, for_user("ann", 2000))


@pytest.mark.parametrize("secret", [f" {SECRET}\n".encode(), bytes(range(200, 256))])
def test_a_secret_in_the_environment_is_unchanged_and_may_be_any_bytes(
    write: Write, secret: bytes
) -> None:
    text = token(CLAIMS, sign=by_secret(secret))
    assert verifies(verifier(token_secret=secret.decode("utf-8", "surrogateescape")), text)
    assert verifies(verifier(token_secret_file=write("secret", secret + b"\n")), text)


def test_a_secret_has_at_least_32_bytes(write: Write) -> None:
    long, short = "ä" + "s" * 30, "ä" + "s" * 29
    assert verifies(verifier(token_secret=long), token(CLAIMS, sign=by_secret(long)))
    file = write("secret", short.encode() + b"\n")
    for line in (refusal(token_secret=short), refusal(token_secret_file=file)):
        assert line.endswith("the token secret must have at least 32 bytes, not 31")
        assert short not in line


@pytest.mark.parametrize(
    "content",
    [public_pem(rsa_key()), private_pem(ed25519_key()), b'{"kty":"oct","k":"%s"}' % (b"a" * 32)],
)
def test_a_key_pair_is_no_secret(write: Write, content: bytes) -> None:
    assert "not a secret" in refusal(token_secret_file=write("secret", content))


def test_a_message_names_an_unreadable_secret(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert refusal(token_secret_file=missing) == (
        f"cannot read {missing}: No such file or directory"
    )
    assert refusal(token_secret_file=str(tmp_path)).endswith("Is a directory")


# --- public keys ---------------------------------------------------------------------------------


def test_each_key_has_its_id(write: Write) -> None:
    new = "2026-11=" + write("new.pem", public_pem(ed25519_key(1)))
    old = "old=" + write("old.pem", public_pem(rsa_key()))
    checking = verifier(token_public_key_file=(new, old))
    by_new = token(CLAIMS, {"alg": "EdDSA", "kid": "2026-11"}, by_ed25519(ed25519_key(1)))
    by_old = token(CLAIMS, {"alg": "RS256", "kid": "old"}, by_rsa(rsa_key()))
    assert verifies(checking, by_new)
    assert verifies(checking, by_old)
    assert not verifies(verifier(token_public_key_file=(new,)), by_old)


def test_a_single_key_needs_no_id(write: Write) -> None:
    checking = verifier(token_public_key_file=(write("k=1.pem", public_pem(ed25519_key())),))
    assert verifies(checking, token(CLAIMS, {"alg": "EdDSA"}, by_ed25519(ed25519_key())))


def test_audience_and_issuer_are_those_of_the_settings() -> None:
    checking = verifier(token_secret=SECRET, token_audience="chat", token_issuer="id")
    assert verifies(checking, for_user("ann", 2000, aud="chat", iss="id"))
    assert not verifies(checking, for_user("ann", 2000, aud="chat"))
    assert not verifies(checking, for_user("ann", 2000, iss="id"))


def test_several_keys_need_different_ids(write: Write) -> None:
    one = write("one.pem", public_pem(ed25519_key(1)))
    two = write("two.pem", public_pem(ed25519_key(2)))
    assert "KID=FILE" in refusal(token_public_key_file=(one, f"b={two}"))
    assert "KID=FILE" in refusal(token_public_key_file=(one, two))
    assert refusal(token_public_key_file=(f"a={one}", f"a={two}")).endswith("names the key a twice")


NOT_PUBLIC = "not a public key in PEM format"
NOT_PRIVATE = "not an unencrypted private key in PEM format"
OTHER_KIND = "the key must be Ed25519 (for EdDSA) or RSA (for RS256)"
WEAK = "an RSA key must have at least 2048 bits, not 1024"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        *((content, NOT_PUBLIC) for content in (b"", b"\xff\0", private_pem(ed25519_key()))),
        (public_pem(ed25519_key())[:60], NOT_PUBLIC),
        (public_pem(P256), OTHER_KIND),
        (public_pem(rsa_key(1024)), WEAK),
    ],
)
def test_a_message_names_an_invalid_or_weak_public_key(
    write: Write, content: bytes, fault: str
) -> None:
    path = write("key.pem", content)
    assert refusal(token_public_key_file=(f"a={path}",)) == f"{path}: {fault}"


# --- private keys --------------------------------------------------------------------------------


def test_a_private_key_has_the_algorithm_of_its_kind(write: Write) -> None:
    ed25519 = load_private_key(write("a.pem", private_pem(ed25519_key())), "a")
    rsa = load_private_key(write("b.pem", private_pem(rsa_key())), "")
    assert (ed25519.algorithm, ed25519.kid) == ("EdDSA", "a")
    assert (rsa.algorithm, rsa.kid) == ("RS256", "")


ENCRYPTED = ed25519_key().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        *((content, NOT_PRIVATE) for content in (b"", ENCRYPTED, public_pem(ed25519_key()))),
        (private_pem(P256), OTHER_KIND),
        (private_pem(rsa_key(1024)), WEAK),
    ],
)
def test_a_message_names_an_invalid_or_weak_private_key(
    write: Write, content: bytes, fault: str
) -> None:
    path = write("key.pem", content)
    with pytest.raises(StartError) as refused:
        load_private_key(path, "")
    assert str(refused.value) == f"{path}: {fault}"


@pytest.mark.parametrize("kid", ["a b", "a/b", "x" * 65, "ä"])
def test_an_invalid_key_id_is_refused(write: Write, kid: str) -> None:
    path = write("key.pem", private_pem(ed25519_key()))
    with pytest.raises(StartError, match="--kid must be 1 to 64 of"):
        load_private_key(path, kid)
