"""Loads the keys of tokens from settings and files, for `trio_chat.access.tokens`.

Every fault of a key is detected at the start, and gives the operator one line.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from trio_chat.access.tokens import Algorithm, Key, ToCheck, ToSign, Verifier
from trio_chat.errors import StartError
from trio_chat.settings import Settings

MIN_SECRET_BYTES: Final = 32
"""The length of a SHA-256 hash, the minimum for HS256 (RFC 7518 section 3.2)."""

MIN_RSA_BITS: Final = 2048
"""RFC 7518 section 3.3."""

_UNKNOWN_KIND: Final = "the key must be Ed25519 (for EdDSA) or RSA (for RS256)"

_KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_SECRET_VARIABLE: Final = "TRIO_CHAT_TOKEN_SECRET"  # noqa: S105 - a name, no secret


def load_verifier(settings: Settings) -> Verifier | None:
    """Return the verifier of a server's tokens; None without authentication.

    Raises:
        StartError: A key is missing, unreadable or too weak, or set without ``--auth token``.
    """
    if settings.auth == "none":
        if (
            settings.token_secret
            or settings.token_secret_file
            or settings.token_public_key_file
            or settings.token_audience
            or settings.token_issuer
        ):
            # An operator who has set a key expects the server to require tokens.
            raise StartError("token settings have no effect without --auth token")
        return None
    keys = _checking_keys(settings)
    return Verifier(keys, audience=settings.token_audience, issuer=settings.token_issuer)


def _checking_keys(settings: Settings) -> list[Key[ToCheck]]:
    has_secret = settings.token_secret or settings.token_secret_file
    if not settings.token_public_key_file:
        if not has_secret:
            raise StartError(
                "--auth token needs a key: set --token-secret-file,"
                f" {_SECRET_VARIABLE} or --token-public-key-file"
            )
        return [load_secret(settings)]
    if has_secret:
        # One kind only: a secret that verifies tokens can also sign them.
        raise StartError("a token secret and --token-public-key-file are both set; set only one")
    keys = [_public_key(entry) for entry in settings.token_public_key_file]
    for kid, count in Counter(key.kid for key in keys).items():
        if len(keys) > 1 and not kid:
            raise StartError("several --token-public-key-file: each must be KID=FILE")
        if count > 1:
            raise StartError(f"--token-public-key-file names the key {kid} twice")
    return keys


def load_secret(settings: Settings) -> Key[bytes]:
    """Read the secret of HS256.

    Raises:
        StartError: No secret or two are set, or the secret is invalid.
    """
    if settings.token_secret and settings.token_secret_file:
        raise StartError(f"--token-secret-file and {_SECRET_VARIABLE} are both set; set only one")
    if settings.token_secret_file:
        where = settings.token_secret_file
        # The editor adds the line break, which is no part of the secret.
        secret = _read(where).removesuffix(b"\n").removesuffix(b"\r")
    else:
        where = _SECRET_VARIABLE
        secret = settings.token_secret.encode("utf-8", "surrogateescape")
        if not secret:
            raise StartError(f"no token secret: set --token-secret-file or {_SECRET_VARIABLE}")
    if len(secret) < MIN_SECRET_BYTES:
        raise StartError(
            f"{where}: the token secret must have at least {MIN_SECRET_BYTES} bytes,"
            f" not {len(secret)}"
        )
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except jwt.InvalidKeyError as error:
        # A public key is not secret: anybody who knows it could sign tokens.
        raise StartError(f"{where}: this is a public or private key, not a secret") from error
    return Key("HS256", secret)


def load_private_key(path: str, kid: str) -> Key[ToSign]:
    """Read a key that signs tokens.

    Args:
        path: A PEM file, PKCS 8, not encrypted.
        kid: The key id in tokens; empty for none.

    Raises:
        StartError: The key or its id is invalid.
    """
    if kid and not _KID.fullmatch(kid):
        raise StartError(f"--kid must be 1 to 64 of A-Z a-z 0-9 . _ -, not {kid!r}")
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StartError(f"{path}: not an unencrypted private key in PEM format") from error
    if isinstance(key, Ed25519PrivateKey | RSAPrivateKey):
        return Key(_algorithm(path, key), key, kid)
    raise StartError(f"{path}: {_UNKNOWN_KIND}")


def _public_key(entry: str) -> Key[ToCheck]:
    """Read one entry of ``--token-public-key-file``: a file, or ``KID=FILE``."""
    kid, equals, path = entry.partition("=")
    if not (equals and _KID.fullmatch(kid)):
        kid, path = "", entry
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StartError(f"{path}: not a public key in PEM format") from error
    if isinstance(key, Ed25519PublicKey | RSAPublicKey):
        return Key(_algorithm(path, key), key, kid)
    raise StartError(f"{path}: {_UNKNOWN_KIND}")


def _algorithm(
    path: str, key: Ed25519PublicKey | Ed25519PrivateKey | RSAPublicKey | RSAPrivateKey
) -> Algorithm:
    if isinstance(key, Ed25519PublicKey | Ed25519PrivateKey):
        return "EdDSA"
    if key.key_size < MIN_RSA_BITS:
        raise StartError(
            f"{path}: an RSA key must have at least {MIN_RSA_BITS} bits, not {key.key_size}"
        )
    return "RS256"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from error
