"""Tokens made by hand, so that they can be wrong, and the keys to them."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

SECRET = "a secret for tests: 32 bytes at least"

Sign = Callable[[bytes], bytes]


def by_secret(secret: str | bytes = SECRET, digest: str = "sha256") -> Sign:
    """Sign as HS256 does, or with another digest."""
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda data: hmac.digest(key, data, digest)


def by_ed25519(key: Ed25519PrivateKey) -> Sign:
    """Sign as EdDSA does."""
    return key.sign


def by_rsa(key: RSAPrivateKey) -> Sign:
    """Sign as RS256 does."""
    return lambda data: key.sign(data, PKCS1v15(), hashes.SHA256())


def token(
    claims: Mapping[str, Any] | bytes,
    header: Mapping[str, Any] | bytes | None = None,
    sign: Sign | None = None,
) -> str:
    """Make a token; by default one of HS256.

    Args:
        claims: What it says; as bytes it need not be JSON.
        header: Its header in place of the usual one.
        sign: Makes the signature in place of the secret.
    """
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims]
    coded = [
        part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
        for part in parts
    ]
    data = b".".join(map(_base64url, coded))
    return (data + b"." + _base64url((sign or by_secret())(data))).decode()


def for_user(name: str, ends_at: float, **more: object) -> str:
    """Make a good token of the secret."""
    return token({"sub": name, "exp": ends_at, **more})


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@cache
def ed25519_key(number: int = 1) -> Ed25519PrivateKey:
    """A key, the same for the same number; good for tests alone."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    """A key, new for each run."""
    return generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(key: Any) -> bytes:  # noqa: ANN401 - any private key
    """Its public half."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert isinstance(pem, bytes)
    return pem


def private_pem(key: Any) -> bytes:  # noqa: ANN401 - any private key
    """The key itself."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert isinstance(pem, bytes)
    return pem
