"""Tokens, valid or not, and keys for them."""

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
    """Return a signer as of HS256, or with another digest."""
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda data: hmac.digest(key, data, digest)


def by_ed25519(key: Ed25519PrivateKey) -> Sign:
    return key.sign


def by_rsa(key: RSAPrivateKey) -> Sign:
    return lambda data: key.sign(data, PKCS1v15(), hashes.SHA256())


def token(
    claims: Mapping[str, Any] | bytes,
    header: Mapping[str, Any] | bytes | None = None,
    sign: Sign | None = None,
) -> str:
    """Return a token, by default signed with `SECRET`; bytes may be invalid claims or headers."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims]
    coded = [
        part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
        for part in parts
    ]
    data = b".".join(map(_base64url, coded))
    return (data + b"." + _base64url((sign or by_secret())(data))).decode()


def for_user(name: str, ends_at: float, **more: object) -> str:
    return token({"sub": name, "exp": ends_at, **more})


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@cache
def ed25519_key(number: int = 1) -> Ed25519PrivateKey:
    """Return a key, the same for the same number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    """Return a key, another in each run."""
    return generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(key: Any) -> bytes:  # noqa: ANN401 - any private key
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any) -> bytes:  # noqa: ANN401 - any private key
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem
