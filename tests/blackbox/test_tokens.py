"""Tokens, from outside: who is let in, how long, and that no token is ever seen again."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.support.client import Chatter, dial, has_joined
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer, environment, running
from tests.support.tokens import (
    SECRET,
    by_ed25519,
    by_rsa,
    by_secret,
    ed25519_key,
    for_user,
    public_pem,
    rsa_key,
    token,
)

from .scene import assert_refusal_body
from .test_starting import start_in_vain

SOON_SECONDS = 3600


def good(name: str = "ann", **more: object) -> str:
    """A token for an hour."""
    return for_user(name, time.time() + SOON_SECONDS, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """A server that asks for tokens of the secret."""
    flags = ("--auth", "token", "--upgrade-rate", "0", "--log-level", "debug")
    with running(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as started:
        yield started


def ask(server: ChatServer, target: str = "/ws", *fields: str) -> Response:
    """Ask for a WebSocket, and give the answer."""
    with RawConnection(server.address) as connection:
        connection.push(head(target.encode(), plus=tuple(field.encode() for field in fields)))
        return connection.read_response()


def in_header(credential: str) -> tuple[str, str]:
    return "", f"Authorization: Bearer {credential}"


def in_query(credential: str) -> tuple[str, str]:
    return f"?token={credential}", "X-Nothing: here"


def in_subprotocol(credential: str) -> tuple[str, str]:
    return "", f"Sec-WebSocket-Protocol: trio-chat.v2, bearer.{credential}"


PLACES = [in_header, in_query, in_subprotocol]
Place = Callable[[str], tuple[str, str]]


# --- coming in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
@pytest.mark.parametrize("place", PLACES)
def test_a_good_token_lets_in_from_each_place(server: ChatServer, path: str, place: Place) -> None:
    query, field = place(good())
    response = ask(server, path + query, field)
    assert response.status == 101
    named = response.fields.get("sec-websocket-protocol")
    assert named == ("trio-chat.v2" if place is in_subprotocol else None)


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
def test_without_a_token_nobody_is_let_in(server: ChatServer, path: str) -> None:
    response = ask(server, path)
    assert (response.status, response.fields["www-authenticate"]) == (401, "Bearer")
    assert_refusal_body(response.body)
    assert json.loads(response.body)["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        "a.b.c",
        token({"sub": "ann", "exp": 1}),
        token({"sub": "ann", "exp": 2**31}, sign=by_secret("another secret" * 3)),
        token({"sub": "ann", "exp": 2**31}, {"alg": "none"}),
        token({"sub": "ann", "exp": 2**31}, {"alg": "none"}, lambda _: b""),
        token({"sub": "ann"}),
        token({"exp": 2**31}),
        token(b'{"sub":"ann","exp":1e400}'),
        token({"sub": "ann", "exp": 2**31, "nbf": 2**31 - 1}),
        token({"sub": "ann", "exp": 2**31, "aud": "others"}),
        token({"sub": "a\nb", "exp": 2**31}),
    ],
)
def test_a_bad_token_is_401_from_each_place(server: ChatServer, place: Place, bad: str) -> None:
    query, field = place(bad)
    response = ask(server, "/ws" + query, field)
    assert response.status == 401
    assert response.fields["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert_refusal_body(response.body)


def test_two_tokens_are_400(server: ChatServer) -> None:
    for one, other in ((in_header, in_query), (in_query, in_subprotocol)):
        query, field = one(good())[0] + other(good())[0], (one(good())[1], other(good())[1])
        response = ask(server, "/ws" + query, *field)
        assert response.status == 400
        assert_refusal_body(response.body)
    assert ask(server, f"/ws?token={good()}&token={good()}").status == 400


def test_the_connection_goes_on_after_a_401(server: ChatServer) -> None:
    with RawConnection(server.address) as connection:
        connection.push(head())
        assert connection.read_response().status == 401
        connection.upgrade("/ws", f"Authorization: Bearer {good('late')}".encode())
        assert connection.join("late")[-1]["type"] == "presence"


@pytest.mark.parametrize("target", ["/", "/echo", "/healthz", "/readyz", "/metrics"])
def test_pages_and_probes_ask_for_no_token(server: ChatServer, target: str) -> None:
    with RawConnection(server.address) as connection:
        connection.push(plain_head(target.encode()))
        assert connection.read_response().status == 200


def test_a_foreign_origin_is_refused_whatever_its_token(server: ChatServer) -> None:
    assert ask(server, "/ws", in_header(good())[1], "Origin: http://other.test").status == 403


def test_what_is_no_upgrade_is_told_so_without_a_token(server: ChatServer) -> None:
    with RawConnection(server.address) as connection:
        connection.push(plain_head(b"/ws"))
        assert connection.read_response().status == 426


def test_the_rate_of_the_address_comes_before_the_token() -> None:
    flags = ("--auth", "token", "--upgrade-rate", "0.01", "--upgrade-burst", "3")
    with running(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as server:
        assert [ask(server).status for _ in range(5)] == [401, 401, 401, 429, 429]


# --- who one is ----------------------------------------------------------------------------------


def bearer(name: str, **more: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {good(name, **more)}"}


@pytest.mark.parametrize("first", ["", "ann", "ANN"])
def test_the_name_is_the_token_s_and_need_not_be_said(server: ChatServer, first: str) -> None:
    ann = Chatter(server.url(), first, additional_headers=bearer("Ann"))
    ann.first(has_joined("Ann"))
    ann.fence("here")
    ann.leave()


def test_another_name_is_forbidden_and_closed_with_4500(server: ChatServer) -> None:
    ann = Chatter(server.url(), "bob", additional_headers=bearer("ann"))
    events, code = ann.rest()
    assert [event["type"] for event in events] == ["system"]
    assert code == 4500
    ann.leave()


def test_a_client_of_the_library_comes_in_by_the_subprotocols(server: ChatServer) -> None:
    offered = [Subprotocol("trio-chat.v2"), Subprotocol(f"bearer.{good('cleo')}")]
    cleo = Chatter(server.url(), "", subprotocols=offered)
    assert cleo.socket.subprotocol == "trio-chat.v2"
    cleo.first(has_joined("cleo"))
    cleo.leave()


def test_the_subprotocol_is_named_where_it_is_offered_and_nothing_else_is() -> None:
    with running("--upgrade-rate", "0") as server:
        for offered, named in (
            ("trio-chat.v2", "trio-chat.v2"),
            ("other, trio-chat.v2", "trio-chat.v2"),
            ("trio-chat.v2, bearer.stale", "trio-chat.v2"),
            ("bearer.stale", None),
            ("other", None),
        ):
            response = ask(server, "/ws", f"Sec-WebSocket-Protocol: {offered}")
            assert response.status == 101
            assert response.fields.get("sec-websocket-protocol") == named


# --- the end of a token --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
def test_a_connection_ends_when_its_token_does(server: ChatServer, path: str) -> None:
    brief = for_user("brief", time.time() + 1.5)
    with RawConnection(server.address) as connection:
        connection.upgrade(f"{path}?token={brief}")
        connection.push(text(""))
        assert connection.read_close() == 4010
    response = ask(server, f"{path}?token={brief}")
    assert response.status == 401
    assert "ended" in json.loads(response.body)["error"]["message"]


# --- keys ----------------------------------------------------------------------------------------


def test_public_keys_are_told_apart_by_their_names(tmp_path: Path) -> None:
    new, old = tmp_path / "new.pem", tmp_path / "old.pem"
    new.write_bytes(public_pem(ed25519_key()))
    old.write_bytes(public_pem(rsa_key()))
    flags = ["--auth", "token", "--upgrade-rate", "0", "--token-audience", "chat"]
    for kid, path in (("new", new), ("old", old)):
        flags += ["--token-public-key-file", f"{kid}={path}"]
    claims = {"sub": "ann", "exp": time.time() + SOON_SECONDS, "aud": "chat"}
    by_new, by_old = by_ed25519(ed25519_key()), by_rsa(rsa_key())
    with running(*flags) as server:
        for made, status in (
            (token(claims, {"alg": "EdDSA", "kid": "new"}, by_new), 101),
            (token(claims, {"alg": "RS256", "kid": "old"}, by_old), 101),
            (token(claims, {"alg": "RS256", "kid": "new"}, by_old), 401),
            (token(claims, {"alg": "EdDSA", "kid": "other"}, by_new), 401),
            (token(claims, {"alg": "EdDSA"}, by_new), 401),
            (token(claims, {"alg": "HS256", "kid": "old"}, by_secret(old.read_bytes())), 401),
            (token({**claims, "aud": "x"}, {"alg": "EdDSA", "kid": "new"}, by_new), 401),
        ):
            assert ask(server, "/ws", in_header(made)[1]).status == status


@pytest.mark.parametrize(
    ("settings", "variables", "names"),
    [
        (("--auth", "token"), {}, "--token-secret-file"),
        (("--auth", "token"), {"TRIO_CHAT_TOKEN_SECRET": "x" * 31}, "at least 32 bytes"),
        ((), {"TRIO_CHAT_TOKEN_SECRET": "x" * 32}, "--auth token"),
        (("--auth", "tokens"), {}, "--auth"),
        (("--auth", "token", "--token-secret-file", "/nothing"), {}, "/nothing"),
        (("--auth", "token", "--token-public-key-file", "a=/nothing"), {}, "/nothing"),
        (("--auth", "token", "--token-secret", "x" * 32), {}, "--token-secret"),
    ],
)
def test_a_start_without_a_good_key_is_one_line(
    settings: tuple[str, ...], variables: dict[str, str], names: str
) -> None:
    line = start_in_vain(*settings, **variables)
    assert names in line
    assert "x" * 31 not in line


# --- the command ---------------------------------------------------------------------------------


def test_a_token_of_the_command_lets_in(server: ChatServer) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "trio_chat", "token", "--user", "Dora", "--ttl", "15m"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=environment({"TRIO_CHAT_TOKEN_SECRET": SECRET}),
    )
    assert made.stderr == ""
    dora = Chatter(f"{server.url()}?token={made.stdout.strip()}", "")
    dora.first(has_joined("Dora"))
    dora.leave()


# --- secrecy -------------------------------------------------------------------------------------


def test_no_token_shows_in_a_log_line_a_metric_or_an_answer() -> None:
    flags = ("--auth", "token", "--upgrade-rate", "0", "--log-level", "debug")
    forged = token({"sub": "eve", "exp": 2**31}, sign=by_secret("another secret" * 3))
    broken = "eyJicm9rZW4iOiJ0b2tlbiJ9.not.one"
    answers = b""
    with running(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as server:
        used = [good("ann"), forged, broken, for_user("ann", time.time() - 1)]
        for one in used:
            for place in PLACES:
                query, field = place(one)
                for target in ("/ws", "/ws/echo", "/", "/nothing"):
                    answer = ask(server, target + query, field)
                    answers += answer.body + repr(answer.fields).encode()
            doubled = ask(server, f"/ws?token={one}", in_header(one)[1])
            answers += doubled.body + repr(doubled.fields).encode()
        brief = for_user("brief", time.time() + 0.7)
        used.append(brief)
        ann = Chatter(f"{server.url()}?token={used[0]}", "bob")
        events, _ = ann.rest()
        ann.leave()
        ended = Chatter(f"{server.url()}?token={brief}", "")
        assert ended.close_code() == 4010
        ended.leave()
        with RawConnection(server.address) as connection:
            connection.push(plain_head(b"/metrics"))
            metrics = connection.read_response().body
        server.stop()
        seen = "".join(server.log_lines) + answers.decode() + metrics.decode() + json.dumps(events)
    assert '"event": "connected"' in seen
    assert '"fault": "signature"' in seen
    assert 'trio_chat_refusals_total{reason="unauthorized"}' in seen
    parts = {part for one in used for part in one.split(".") if len(part) > 10} | {SECRET}
    assert [part for part in parts if part in seen] == []


def test_a_client_that_is_refused_is_told_by_status(server: ChatServer) -> None:
    with pytest.raises(InvalidStatus) as refused, dial(server.url()):
        pass
    assert refused.value.response.status_code == 401
