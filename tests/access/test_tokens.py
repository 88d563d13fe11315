"""Tokens: the proof of a user, and every forgery."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.test_names import BAD_NAMES
from tests.support.tokens import (
    SECRET,
    by_ed25519,
    by_rsa,
    by_secret,
    ed25519_key,
    public_pem,
    rsa_key,
    token,
)
from trio_chat.access.tokens import LATEST, BadToken, Fault, Key, ToCheck, Verifier, sign
from trio_chat.errors import CommandError
from trio_chat.protocol.names import Name

NOW = 1_800_000_000.0
HOUR = 3600
CLAIMS = {"sub": "ann", "exp": int(NOW) + HOUR}

BY_SECRET: Key[ToCheck] = Key("HS256", SECRET.encode())
BY_ED25519: Key[ToCheck] = Key("EdDSA", ed25519_key().public_key(), "ed")
BY_RSA: Key[ToCheck] = Key("RS256", rsa_key().public_key(), "rsa")

SECRET_ONLY = Verifier([BY_SECRET])
PUBLIC_KEYS = Verifier([BY_ED25519, BY_RSA])


def fault(text: str, verifier: Verifier = SECRET_ONLY, now: float = NOW) -> Fault:
    with pytest.raises(BadToken) as bad:
        verifier.verify(text, now)
    return bad.value.fault


def claiming(**changes: object) -> str:
    """Return a token of the secret with changed claims; None removes a claim."""
    claims: dict[str, object] = {**CLAIMS, **changes}
    return token({name: claim for name, claim in claims.items() if claim is not None})


def hs256(**header: object) -> str:
    return token(CLAIMS, {"alg": "HS256", **header})


def eddsa(seed: int = 1, **header: object) -> str:
    return token(CLAIMS, {"alg": "EdDSA", **header}, by_ed25519(ed25519_key(seed)))


def rs256(**header: object) -> str:
    return token(CLAIMS, {"alg": "RS256", **header}, by_rsa(rsa_key()))


# --- valid tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verifier"),
    [
        (token(CLAIMS), SECRET_ONLY),
        (hs256(), SECRET_ONLY),
        (hs256(kid="whatever"), SECRET_ONLY),
        (eddsa(kid="ed"), PUBLIC_KEYS),
        (rs256(kid="rsa"), PUBLIC_KEYS),
        (eddsa(), Verifier([BY_ED25519])),
        (eddsa(kid="ed"), Verifier([BY_ED25519])),
        # A key without an id verifies every token.
        (eddsa(kid="2026-11"), Verifier([Key("EdDSA", ed25519_key().public_key())])),
    ],
)
def test_a_valid_token_proves_user_and_expiry(text: str, verifier: Verifier) -> None:
    identity = verifier.verify(text, NOW)
    assert identity.name == Name("ann", "ann")
    assert identity.ends_at == NOW + HOUR


def test_the_user_name_is_prepared() -> None:
    assert SECRET_ONLY.verify(claiming(sub="  Ann  Lee "), NOW).name == Name("Ann Lee", "ann lee")


def test_other_claims_are_ignored() -> None:
    text = claiming(iat="yesterday", jti=5, admin=True, nbf=NOW - 1)
    assert SECRET_ONLY.verify(text, NOW).name.shown == "ann"


# --- attacks -------------------------------------------------------------------------------------

BY_PUBLIC_PEM = by_secret(public_pem(rsa_key()))
JWK = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(CLAIMS, sign=lambda _: b""), Fault.MALFORMED),
        (token(CLAIMS, {"alg": "none"}, lambda _: b""), Fault.MALFORMED),
        (token(CLAIMS, {"alg": "none"}, by_secret()), Fault.ALGORITHM),
        (hs256(alg="nOnE"), Fault.ALGORITHM),
        (token(CLAIMS, {"typ": "JWT"}), Fault.ALGORITHM),
        (hs256(alg=["HS256"]), Fault.ALGORITHM),
        (hs256(alg=None), Fault.ALGORITHM),
        (token(CLAIMS, {"alg": "HS512"}, by_secret(digest="sha512")), Fault.ALGORITHM),
        (eddsa(kid="ed"), Fault.ALGORITHM),
        (token(CLAIMS, sign=by_secret("x" * 32)), Fault.SIGNATURE),
        (hs256(jwk=JWK), Fault.HEADER),
        (hs256(jku="https://evil.test/"), Fault.HEADER),
        (hs256(x5u="https://evil.test/"), Fault.HEADER),
        (hs256(x5c=["MII"]), Fault.HEADER),
        (hs256(crit=["b64"], b64=True), Fault.HEADER),
        (hs256(crit=["b64"], b64=False), Fault.MALFORMED),
        ("a.b.c.d.e", Fault.MALFORMED),  # an encrypted token has five parts
        (token(CLAIMS) + "=", Fault.MALFORMED),
        (token(CLAIMS) + "\n", Fault.MALFORMED),
        ("Bearer " + token(CLAIMS), Fault.MALFORMED),
        (token(b"[]"), Fault.MALFORMED),
        (token(b"sub=ann"), Fault.MALFORMED),
        (token(b'{"sub":"\xff"}'), Fault.MALFORMED),
        (token(b'{"sub":' * 5000), Fault.MALFORMED),
        (token(CLAIMS, b'{"alg":' * 5000), Fault.MALFORMED),
        (token(CLAIMS, b"5"), Fault.MALFORMED),
    ],
)
def test_a_forged_token_is_invalid(text: str, expected: Fault) -> None:
    assert fault(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(CLAIMS, {"alg": "HS256", "kid": "rsa"}, BY_PUBLIC_PEM), Fault.ALGORITHM),
        (token(CLAIMS, {"alg": "RS256", "kid": "rsa"}, BY_PUBLIC_PEM), Fault.SIGNATURE),
        (token(CLAIMS), Fault.KEY),
        (rs256(kid="ed"), Fault.ALGORITHM),
        (eddsa(kid="rsa"), Fault.ALGORITHM),
        (eddsa(2, kid="ed"), Fault.SIGNATURE),
        (eddsa(kid="../../dev/null"), Fault.KEY),
        (eddsa(), Fault.KEY),
        (eddsa(kid=""), Fault.KEY),
        (eddsa(kid=["ed"]), Fault.MALFORMED),
    ],
)
def test_a_token_forged_for_public_keys_is_invalid(text: str, expected: Fault) -> None:
    assert fault(text, PUBLIC_KEYS) is expected


def test_a_token_must_not_name_another_key_than_the_only_one() -> None:
    assert fault(eddsa(kid="rsa"), Verifier([BY_ED25519])) is Fault.KEY


@pytest.mark.parametrize("place", range(3))
def test_a_token_with_a_changed_character_is_invalid(place: int) -> None:
    parts = token(CLAIMS).split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    assert fault(".".join(parts)) in {Fault.MALFORMED, Fault.SIGNATURE}


def test_the_signature_is_verified_before_the_claims() -> None:
    late = {**CLAIMS, "exp": NOW - 1}
    assert fault(token(late, sign=by_secret("x" * 32))) is Fault.SIGNATURE
    assert fault(token(late)) is Fault.EXPIRED


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert fault(token(CLAIMS, sign=lambda _: bytes(32))) is Fault.SIGNATURE
    assert [len(one) for one, _ in compared] == [32]


# --- time ----------------------------------------------------------------------------------------


def test_a_token_expires_exactly_at_exp() -> None:
    text = token(CLAIMS)
    end = CLAIMS["exp"]
    assert isinstance(end, int)
    assert SECRET_ONLY.verify(text, math.nextafter(end, 0)).ends_at == end
    assert fault(text, now=end) is Fault.EXPIRED
    assert fault(text, now=end + 10_000) is Fault.EXPIRED


def test_a_token_is_invalid_before_nbf() -> None:
    text = claiming(exp=1002, nbf=1001)
    assert fault(text, now=1000.9) is Fault.START
    assert SECRET_ONLY.verify(text, 1001).ends_at == 1002


ABSURD = [
    *b"1e400 -1e400 Infinity NaN -1 -0.5 true false null [1800003600] {}".split(),
    *(b'"1800003600"', b"9" * 400, b"9" * 5000, b"1800003600000", b"253402300800"),
]


@pytest.mark.parametrize("claim", ABSURD, ids=lambda claim: claim[:20].decode())
def test_a_malformed_exp_or_nbf_is_invalid(claim: bytes) -> None:
    text = token(b'{"sub":"ann","exp":' + claim + b"}")
    assert fault(text) in {Fault.EXPIRY, Fault.MALFORMED}
    text = token(b'{"sub":"ann","exp":1800003600,"nbf":' + claim + b"}")
    assert fault(text) in {Fault.START, Fault.MALFORMED}


def test_fractions_and_the_last_second_are_valid_times() -> None:
    assert SECRET_ONLY.verify(claiming(exp=NOW + 0.5), NOW).ends_at == NOW + 0.5
    assert SECRET_ONLY.verify(claiming(exp=LATEST), NOW).ends_at == LATEST


# --- claims --------------------------------------------------------------------------------------


def test_exp_and_sub_are_required() -> None:
    assert fault(claiming(exp=None)) is Fault.EXPIRY
    assert fault(claiming(sub=None)) is Fault.SUBJECT


@pytest.mark.parametrize("name", [*BAD_NAMES, 5, True, ["ann"], {"ann": 1}])
def test_an_invalid_user_name_is_an_invalid_token(name: object) -> None:
    assert fault(claiming(sub=name)) is Fault.SUBJECT


FOR_CHAT = Verifier([BY_SECRET], audience="chat")


@pytest.mark.parametrize("audience", ["chat", ["chat"], ["mail", "chat"]])
def test_a_token_with_our_audience_is_valid(audience: object) -> None:
    assert FOR_CHAT.verify(claiming(aud=audience), NOW).name.shown == "ann"
    assert fault(claiming(aud=audience)) is Fault.AUDIENCE  # we have none


@pytest.mark.parametrize("audience", [None, "mail", "Chat", "", [], ["mail"], {"chat": 1}, 5])
def test_a_token_without_our_audience_is_invalid(audience: object) -> None:
    assert fault(claiming(aud=audience), FOR_CHAT) is Fault.AUDIENCE
    if audience is not None:
        assert fault(claiming(aud=audience)) is Fault.AUDIENCE


def test_a_token_needs_the_configured_issuer() -> None:
    verifier = Verifier([BY_SECRET], issuer="https://id.example.org")
    assert verifier.verify(claiming(iss="https://id.example.org"), NOW).name.shown == "ann"
    for issuer in (None, "", "https://id.example.org/", 5, ["https://id.example.org"]):
        assert fault(claiming(iss=issuer), verifier) is Fault.ISSUER
    assert SECRET_ONLY.verify(claiming(iss="anybody"), NOW).name.shown == "ann"


# --- any input -----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
CLAIM_NAMES = st.sampled_from(["sub", "exp", "nbf", "iat", "aud", "iss", "jti"])
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "cty", "b64", "crit", "zip", "enc"])


def outcome(verifier: Verifier, text: str) -> object:
    try:
        return verifier.verify(text, NOW)
    except BadToken as bad:
        return bad.fault


THREE_PARTS = st.lists(st.binary(max_size=40), min_size=3, max_size=3).map(
    lambda parts: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
)


@given(st.text() | st.text(st.sampled_from(".=-_aA0 \ud800")) | THREE_PARTS)
def test_any_text_raises_only_bad_token(text: str) -> None:
    assert isinstance(outcome(SECRET_ONLY, text), Fault)
    assert isinstance(outcome(PUBLIC_KEYS, text), Fault)


@given(header=st.dictionaries(HEADER_NAMES, JSON), claims=st.dictionaries(CLAIM_NAMES, JSON))
def test_any_claims_and_headers_verify_or_raise_bad_token(
    header: Mapping[str, Any], claims: Mapping[str, Any]
) -> None:
    for verifier in (SECRET_ONLY, FOR_CHAT, PUBLIC_KEYS):
        outcome(verifier, token(json.dumps(claims).encode(), {"alg": "HS256", **header}))
    unsigned = token(claims, {**header, "alg": "EdDSA", "kid": "ed"}, lambda _: b"x" * 64)
    assert isinstance(outcome(PUBLIC_KEYS, unsigned), Fault)


# --- secrets -------------------------------------------------------------------------------------


def test_keys_and_errors_reveal_no_secret() -> None:
    assert SECRET not in repr(BY_SECRET)
    text = token(b"no JSON: " + SECRET.encode())
    with pytest.raises(BadToken) as bad:
        SECRET_ONLY.verify(text, NOW)
    assert bad.value.__suppress_context__
    assert not [one for one in (text, *text.split("."), SECRET) if one in repr(bad.value)]


# --- signing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signing", "checking"),
    [
        (Key("HS256", SECRET.encode()), BY_SECRET),
        (Key("EdDSA", ed25519_key(), "ed"), BY_ED25519),
        (Key("RS256", rsa_key(), "rsa"), BY_RSA),
    ],
)
def test_a_signed_token_is_valid(signing: Key[Any], checking: Key[ToCheck]) -> None:
    made = sign(signing, user=" Ann", now=NOW + 0.7, ttl_seconds=90, audience="a", issuer="i")
    verifier = Verifier([checking], audience="a", issuer="i")
    identity = verifier.verify(made, NOW)
    assert (identity.name, identity.ends_at) == (Name("Ann", "ann"), NOW + 90)
    assert jwt.get_unverified_header(made).get("kid", "") == signing.kid


def test_a_signed_token_has_audience_and_issuer_only_if_given() -> None:
    made = sign(Key("HS256", SECRET.encode()), user="ann", now=NOW, ttl_seconds=1)
    claims = jwt.decode(made, options={"verify_signature": False})
    assert claims == {"sub": "ann", "iat": NOW, "exp": NOW + 1}


def test_sign_refuses_an_invalid_name() -> None:
    with pytest.raises(CommandError, match="The name is empty"):
        sign(Key("HS256", SECRET.encode()), user="", now=NOW, ttl_seconds=1)
