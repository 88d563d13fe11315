"""Tokens with a real server: authentication, expiry, and no trace of a token."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.typing import Subprotocol

from tests.support.client import Chatter, has_joined
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer, environment
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

SOON_SECONDS = 3600


def good(name: str = "ann", **more: object) -> str:
    """A token for an hour."""
    return for_user(name, time.time() + SOON_SECONDS, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """A server that asks for tokens of the secret."""
    flags = ("--auth", "token", "--upgrade-rate", "0", "--log-level", "debug")
    with ChatServer(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as started:
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


# --- coming in -----------------------------------------------------------------------------------


# --- who one is ----------------------------------------------------------------------------------


def bearer(name: str, **more: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {good(name, **more)}"}


def test_a_library_client_authenticates_by_subprotocol(server: ChatServer) -> None:
    offered = [Subprotocol("trio-chat.v2"), Subprotocol(f"bearer.{good('cleo')}")]
    cleo = Chatter(server.url(), "", subprotocols=offered)
    assert cleo.socket.subprotocol == "trio-chat.v2"
    cleo.first(has_joined("cleo"))
    cleo.leave()


# --- the end of a token --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
def test_a_connection_ends_when_its_token_expires(server: ChatServer, path: str) -> None:
    brief = for_user("brief", time.time() + 1.5)
    with RawConnection(server.address) as connection:
        connection.upgrade(f"{path}?token={brief}")
        connection.push(text(""))
        assert connection.read_close() == 4010
    response = ask(server, f"{path}?token={brief}")
    assert response.status == 401
    assert "expired" in json.loads(response.body)["error"]["message"]


# --- keys ----------------------------------------------------------------------------------------


def test_the_server_selects_public_keys_by_their_ids(tmp_path: Path) -> None:
    new, old = tmp_path / "new.pem", tmp_path / "old.pem"
    new.write_bytes(public_pem(ed25519_key()))
    old.write_bytes(public_pem(rsa_key()))
    flags = ["--auth", "token", "--upgrade-rate", "0", "--token-audience", "chat"]
    for kid, path in (("new", new), ("old", old)):
        flags += ["--token-public-key-file", f"{kid}={path}"]
    claims = {"sub": "ann", "exp": time.time() + SOON_SECONDS, "aud": "chat"}
    by_new, by_old = by_ed25519(ed25519_key()), by_rsa(rsa_key())
    with ChatServer(*flags) as server:
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


# --- the command ---------------------------------------------------------------------------------


def test_a_token_from_the_command_authenticates(server: ChatServer) -> None:
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


def test_no_log_line_metric_or_answer_shows_a_token() -> None:
    flags = ("--auth", "token", "--upgrade-rate", "0", "--log-level", "debug")
    forged = token({"sub": "eve", "exp": 2**31}, sign=by_secret("another secret" * 3))
    broken = "eyJicm9rZW4iOiJ0b2tlbiJ9.not.one"
    answers = b""
    with ChatServer(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as server:
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
    assert '"fault": "wrong signature"' in seen
    assert 'trio_chat_refusals_total{reason="unauthorized"}' in seen
    parts = {part for one in used for part in one.split(".") if len(part) > 10} | {SECRET}
    assert [part for part in parts if part in seen] == []
