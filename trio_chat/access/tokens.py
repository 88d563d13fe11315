"""Verifies and signs JSON Web Tokens (RFC 7519).

The rule of this file: the key decides the algorithm, never the token (RFC 8725). No claim counts,
and no error reveals one, before the signature is verified.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from trio_chat.access.names import prepare_name
from trio_chat.errors import CommandError
from trio_chat.protocol.names import Name

if TYPE_CHECKING:
    from jwt.types import Options

Algorithm = Literal["HS256", "EdDSA", "RS256"]

LATEST: Final = 253_402_300_799
"""The last second of the year 9999. A later claim is probably in milliseconds."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Three parts in base64url, none of them empty (RFC 7515 section 7.1)."""

_REFUSED_HEADERS: Final = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64"})
"""They supply a key or change how to read the rest; our tokens need none of them."""

_SIGNATURE_ONLY: Final["Options"] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""This module checks claims: PyJWT reads its own clock, and accepts "5" and True as numbers."""


@frozen
class Identity:
    """The identity that a client's token proves, until ``ends_at`` in seconds since 1970 UTC."""

    name: Name
    ends_at: float


class Fault(StrEnum):
    """The fault of a token, for log lines."""

    MALFORMED = "malformed"
    HEADER = "forbidden header"
    KEY = "unknown key"
    ALGORITHM = "wrong algorithm"
    SIGNATURE = "wrong signature"
    EXPIRY = "invalid exp"
    EXPIRED = "expired"
    START = "not valid yet"
    AUDIENCE = "wrong audience"
    ISSUER = "wrong issuer"
    SUBJECT = "invalid sub"


class BadToken(Exception):  # noqa: N818 - the plain word
    """A token is invalid. The exception holds no part of the token.

    Args:
        fault: The fault.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


ToCheck = bytes | Ed25519PublicKey | RSAPublicKey
ToSign = bytes | Ed25519PrivateKey | RSAPrivateKey
_Material_co = TypeVar("_Material_co", bound=ToCheck | ToSign, covariant=True)


@frozen
class Key(Generic[_Material_co]):
    """A key for one algorithm.

    Attributes:
        algorithm: The only algorithm for this key.
        material: The secret of HS256; else a public key to verify, or a private key to sign.
        kid: The key id, which tokens name; empty for none.
    """

    algorithm: Algorithm
    material: _Material_co = field(repr=False)
    kid: str = ""


class Verifier:
    """Verifies tokens.

    Args:
        keys: At least one. A key without an id must be the only one; it verifies every token.
            Otherwise the token names its key, which it may omit if the server has only one.
        audience: Must be in the token's ``aud``; if empty, a token must not have an audience.
        issuer: Must be the token's ``iss``; empty for any.
    """

    def __init__(
        self, keys: Sequence[Key[ToCheck]], *, audience: str = "", issuer: str = ""
    ) -> None:
        self._keys = {key.kid: key for key in keys}
        self._only = keys[0] if len(keys) == 1 else None
        self._audience = audience
        self._issuer = issuer

    def verify(self, token: str, now: float) -> Identity:
        """Return the identity that a token proves.

        Args:
            token: Any text from a client.
            now: Seconds since 1970 UTC.

        Raises:
            BadToken: The token is invalid.
        """
        if not _COMPACT.fullmatch(token):
            raise BadToken(Fault.MALFORMED)
        claims = self._open(token)
        ends_at = _moment(claims.get("exp"))
        if ends_at is None:
            raise BadToken(Fault.EXPIRY)
        if not self._is_for_us(claims.get("aud")):
            raise BadToken(Fault.AUDIENCE)
        if self._issuer and claims.get("iss") != self._issuer:
            raise BadToken(Fault.ISSUER)
        identity = Identity(_name(claims.get("sub")), ends_at)
        if "nbf" in claims:
            starts_at = _moment(claims["nbf"])
            if starts_at is None or now < starts_at:
                raise BadToken(Fault.START)
        if now >= ends_at:
            raise BadToken(Fault.EXPIRED)
        return identity

    def _open(self, token: str) -> dict[str, Any]:
        """Return the claims of a token after verifying its signature."""
        # Not `from` the original, which may quote the token.
        try:
            key = self._key_for(jwt.get_unverified_header(token))
            return jwt.decode(
                token, key.material, algorithms=[key.algorithm], options=_SIGNATURE_ONLY
            )
        except jwt.InvalidSignatureError:
            raise BadToken(Fault.SIGNATURE) from None
        except jwt.InvalidAlgorithmError:
            raise BadToken(Fault.ALGORITHM) from None
        except jwt.PyJWTError:
            raise BadToken(Fault.MALFORMED) from None

    def _key_for(self, header: Mapping[str, Any]) -> Key[ToCheck]:
        if not _REFUSED_HEADERS.isdisjoint(header):
            raise BadToken(Fault.HEADER)
        if self._only is not None and (not self._only.kid or "kid" not in header):
            return self._only
        key = self._keys.get(header.get("kid", ""))
        if key is None:
            raise BadToken(Fault.KEY)
        return key

    def _is_for_us(self, audience: object) -> bool:
        if not self._audience:
            return audience is None
        return self._audience in (audience if isinstance(audience, list) else [audience])


def sign(  # noqa: PLR0913 - all by name, each a claim of its own
    key: Key[ToSign],
    *,
    user: str,
    now: float,
    ttl_seconds: int,
    audience: str = "",
    issuer: str = "",
) -> str:
    """Return a signed token.

    Args:
        key: The secret, or a private key.
        user: The name of the user.
        now: Seconds since 1970 UTC.
        ttl_seconds: The lifetime; at least 1.
        audience: The ``aud``; empty for none.
        issuer: The ``iss``; empty for none.

    Raises:
        CommandError: The name is invalid.
    """
    issued_at = int(now)
    claims = {"sub": prepare_name(user).shown, "iat": issued_at, "exp": issued_at + ttl_seconds}
    if audience:
        claims["aud"] = audience
    if issuer:
        claims["iss"] = issuer
    headers = {"kid": key.kid} if key.kid else None
    return jwt.encode(claims, key.material, algorithm=key.algorithm, headers=headers)


def _moment(claim: object) -> float | None:
    """Return the time in a claim (RFC 7519 section 2, NumericDate); None if it is invalid.

    The bounds are checked before the conversion, which fails for a number of a thousand digits.
    """
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim <= LATEST:
        return None
    return float(claim)


def _name(claim: object) -> Name:
    if not isinstance(claim, str):
        raise BadToken(Fault.SUBJECT)
    try:
        return prepare_name(claim)
    except CommandError:
        raise BadToken(Fault.SUBJECT) from None
