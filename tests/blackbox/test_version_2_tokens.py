"""Tokens in version 2: the name a token proves, and a fresh one (docs/reference/wire.md)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.client import Chatter, is_type
from tests.support.server import ChatServer, running
from tests.support.tokens import SECRET, by_secret, for_user, token

from .speaker import Speaker, assert_error

Speak = Callable[..., Speaker]


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """A server that asks for tokens of the secret."""
    flags = ("--auth", "token", "--upgrade-rate", "0", "--message-rate", "0")
    with running(*flags, extra={"TRIO_CHAT_TOKEN_SECRET": SECRET}) as started:
        yield started


@pytest.fixture
def come(server: ChatServer) -> Iterator[Speak]:
    """Let people come who have a token for so long; at the end they close."""
    people: list[Speaker] = []

    def come_as(name: str, *rooms: Any, seconds: float = 3600, says: str = "") -> Speaker:  # noqa: ANN401 - as `Speaker`
        url = f"{server.url()}?token={for_user(name, time.time() + seconds)}"
        people.append(Speaker(url, says, *rooms, device=f"d{len(people)}"))
        return people[-1]

    yield come_as
    for somebody in people:
        somebody.leave()


def test_the_name_is_the_token_s_and_need_not_be_said(come: Speak, room: str) -> None:
    for says in ("", "Ann", "ANN"):
        ann = come("Ann", room, says=says)
        assert ann.next()["username"] == "Ann"
        assert ann.next()["users"] == ["Ann"]


def test_another_name_is_forbidden_and_ends_it(come: Speak) -> None:
    events, code = come("ann", says="bob").rest()
    assert code == 4500
    assert len(events) == 1
    assert_error(events[0], "forbidden")


def test_a_user_may_change_its_messages_from_any_device_and_nobody_else_s(
    come: Speak, room: str
) -> None:
    one, two, bob = come("ann", room), come("Ann", room), come("bob", room)
    for somebody in (one, two, bob):
        somebody.arrive()
    said = one.ask("message", room=room, message="hello")
    answer = bob.ask("edit", room=room, id=said["id"], message="mine", ref="r")
    assert_error(answer, "forbidden", room=room, ref="r")
    assert two.ask("edit", room=room, id=said["id"], message="hello!")["type"] == "ack"
    assert two.ask("delete", room=room, id=said["id"])["type"] == "ack"


def test_what_a_plain_connection_has_said_its_user_may_change(
    come: Speak, server: ChatServer
) -> None:
    pia = Chatter(f"{server.url()}?token={for_user('pia', time.time() + 3600)}", "")
    pia.arrive()
    again = come("pia", "general")
    again.arrive()
    pia.say("by hand")
    said = again.first(is_type("message"))
    assert again.ask("delete", id=said["id"])["type"] == "ack"
    pia.leave()


def test_a_ref_is_still_of_a_device(come: Speak, room: str) -> None:
    one, two = come("ann", room), come("ann", room)
    for somebody in (one, two):
        somebody.arrive()
        assert somebody.ask("message", room=room, message="hello", ref="r")["dup"] is False


def test_who_brings_a_fresh_token_stays_and_who_does_not_is_ended_with_4010(
    come: Speak, server: ChatServer, room: str
) -> None:
    seconds = 6.0  # in which five people come in and bring tokens, on a busy machine, too
    began = time.monotonic()
    stays, ends, tries, forges = (come(name, room, seconds=seconds) for name in "abcd")
    plain = Chatter(f"{server.url()}?token={for_user('e', time.time() + seconds)}", "")
    for somebody in (stays, ends, tries, forges):
        somebody.arrive()
        warning = somebody.first(is_type("auth"))  # the 30 s before its end have begun already
        assert warning.keys() == {"type", "expiresInMs"}
        assert isinstance(warning["expiresInMs"], int)
        assert 0 < warning["expiresInMs"] <= seconds * 1000
    assert time.monotonic() - began < seconds
    fresh = for_user("A", time.time() + 3600)
    assert stays.ask("auth", token=fresh, ref="r") == {"type": "ack", "ref": "r"}
    stays.send(type="auth", token=fresh)
    other = tries.ask("auth", token=for_user("a", time.time() + 3600), ref="r")
    assert_error(other, "forbidden", ref="r")
    for bad in (
        "x",
        "",
        token({"sub": "d", "exp": 2**31}, sign=by_secret("another secret" * 3)),
        for_user("d", time.time() - 1),
        token({"sub": "d"}),
    ):
        assert_error(forges.ask("auth", token=bad, ref="r"), "unauthorized", ref="r")
    for fields in ({}, {"token": None}, {"token": 5}, {"token": [fresh]}):
        assert_error(forges.ask("auth", ref="r", **fields), "bad_request", ref="r")
    assert forges.ask("message", room=room, message="still here")["type"] == "ack"
    for ending in (ends, tries, forges, plain):
        told, code = ending.rest()
        assert code == 4010
        assert [event for event in told if event["type"] == "auth"] == []
    assert time.monotonic() - began > seconds - 1
    assert [e for e in stays.fence(room) if e["type"] in {"ack", "auth", "error"}] == []
    plain.leave()


def test_a_fresh_token_that_ends_sooner_is_the_end_too(come: Speak, room: str) -> None:
    ann = come("ann", room)
    ann.arrive()
    ann.ask("auth", token=for_user("ann", time.time() + 2))
    assert ann.first(is_type("auth"))["expiresInMs"] <= 2000
    assert ann.close_code() == 4010
