"""Tokens: JSON Web Tokens (RFC 7519), checked and made. Bytes and a time in, an identity out.

The law of this file: a key knows its algorithm, and a token has no say in it (RFC 8725). A token is
worth nothing until its signature is right; nothing it says is told to anybody before.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from trio_chat.errors import CommandError
from trio_chat.protocol.handshake import Identity
from trio_chat.protocol.names import Name, prepare_name

if TYPE_CHECKING:
    from jwt.types import Options

Algorithm = Literal["HS256", "EdDSA", "RS256"]

LATEST: Final = 253_402_300_799
"""The last second of the year 9999. A claim beyond it is a mistake: milliseconds, most likely."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Three parts in base64url (RFC 7515 section 7.1). An empty signature is not even looked at."""

_REFUSED_HEADERS: Final = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64"})
"""They bring a key along or change how the rest is read; our tokens need none of them."""

_SIGNATURE_ONLY: Final["Options"] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""Claims are checked here: PyJWT asks a clock of its own, and makes a number of "5" and True."""


class Fault(StrEnum):
    """What is wrong with a token, for the store."""

    MALFORMED = "malformed"
    HEADER = "forbidden header"
    KEY = "unknown key"
    ALGORITHM = "algorithm of another key"
    SIGNATURE = "signature"
    EXPIRY = "no good exp"
    ENDED = "ended"
    START = "nbf"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    SUBJECT = "no good sub"


class BadToken(Exception):  # noqa: N818 - the word for what it is
    """A token that proves nothing. Holds no part of it.

    Args:
        fault: What is wrong with it.
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
        algorithm: The only one it is used with.
        material: The secret of HS256; else a public key to check with, or a private one to sign.
        kid: Its name, by which a token says which key it was signed with; empty for none.
    """

    algorithm: Algorithm
    material: _Material_co = field(repr=False)
    kid: str = ""


class Verifier:
    """Checks tokens.

    Args:
        keys: At least one. A key without a name has to be the only one; it is tried whatever key a
            token names. Of keys with names, the one that the token names is tried; where there is
            only one, a token need not name it.
        audience: What has to be in the token's ``aud``; empty for none, and then a token that has
            an audience is refused.
        issuer: What the token's ``iss`` has to be; empty for any.
    """

    def __init__(
        self, keys: Sequence[Key[ToCheck]], *, audience: str = "", issuer: str = ""
    ) -> None:
        self._keys = {key.kid: key for key in keys}
        self._only = keys[0] if len(keys) == 1 else None
        self._audience = audience
        self._issuer = issuer

    def verify(self, token: str, now: float) -> Identity:
        """Say who somebody with this token is.

        Args:
            token: Whatever a client has sent for one.
            now: Seconds since 1970 UTC.

        Raises:
            BadToken: It proves nothing.
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
            raise BadToken(Fault.ENDED)
        return identity

    def _open(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature is right."""
        # Not `from` the original: it may quote the token.
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
    """Make a token.

    Args:
        key: The secret, or a private key.
        user: The name of the user.
        now: Seconds since 1970 UTC.
        ttl_seconds: How long it is good for; at least 1.
        audience: The ``aud``; empty for none.
        issuer: The ``iss``; empty for none.

    Raises:
        CommandError: The name is no good one.
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
    """A time in a claim (RFC 7519 section 2, NumericDate); None for anything else.

    Compared before it is converted: neither 1e400 nor a number of a thousand digits is a float.
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
