"""The limits of docs/reference/wire.md, each reached from outside."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.client import Chatter, has_left, is_message, is_refusal, is_type
from tests.support.frames import PING, frame, text
from tests.support.raw import RawConnection, joined
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .scene import assert_refusal, assert_refusal_body, binary

Serve = Callable[..., ChatServer]


def try_to_upgrade(server: ChatServer, source: str = "127.0.0.1") -> Response:
    """Ask for a WebSocket once, from this address, and give the answer."""
    with RawConnection(server.address, source=source) as connection:
        connection.push(head())
        return connection.read_response()


def assert_asks_to_wait(response: Response, status: int) -> None:
    """Hold that it is refused with this status, and with a time to wait."""
    assert response.status == status, response
    assert int(response.fields["retry-after"]) >= 1
    assert_refusal_body(response.body)


def test_messages_past_the_rate_are_refused_with_the_wait_and_others_are_not(
    serve: Serve,
) -> None:
    server = serve("--message-rate", "1", "--message-burst", "5")
    ann, bob = Chatter(server.url(), "ann"), Chatter(server.url(), "bob")
    ann.arrive()
    bob.arrive()
    for number in range(12):
        ann.say(f"line {number}")
    refusal = ann.first(is_refusal)
    assert_refusal(refusal)
    assert re.search(r"\d", refusal["message"]), f"it names no wait: {refusal}"
    assert bob.fence("I have not said anything yet") is not None
    second = Chatter(server.url(), "ann")
    second.arrive()
    second.say("from another tab of the same user")
    assert_refusal(second.first(lambda e: is_refusal(e) or e["type"] == "message"))
    for somebody in (ann, bob, second):
        somebody.leave()


def test_a_refused_message_is_not_logged_and_the_burst_is_whole(serve: Serve) -> None:
    server = serve("--message-rate", "1", "--message-burst", "5")
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    for number in range(12):
        ann.say(f"line {number}")
    answers = [ann.first(lambda e: e["type"] in {"message", "system"}) for _ in range(12)]
    said = [event["message"] for event in answers if event["type"] == "message"]
    assert said[:5] == [f"line {number}" for number in range(5)]
    assert 5 <= len(said) < 12
    bob = Chatter(server.url(), "bob")
    history = [e["message"] for e in bob.next()["history"] if e["type"] == "message"]
    assert history == said
    ann.leave()
    bob.leave()


def test_50_refusals_within_a_minute_are_too_much(serve: Serve) -> None:
    server = serve("--message-rate", "1", "--message-burst", "2")
    bob, ann = Chatter(server.url(), "bob"), Chatter(server.url(), "ann")
    ann.arrive()
    for _ in range(49):
        ann.say("again")
    answers = [ann.first(lambda e: e["type"] in {"message", "system"}) for _ in range(49)]
    assert any(is_refusal(event) for event in answers)
    with suppress(ConnectionClosed):
        for _ in range(30):
            ann.say("again")
    assert ann.close_code() == 4005
    bob.first(has_left("ann"))
    bob.leave()


def test_a_thousand_frames_at_once_are_too_much_except_for_the_echo_server(serve: Serve) -> None:
    server = serve()
    with joined(server.address, "ann") as ann:
        ann.push(frame(PING, b"x") * 900)
        ann.push(text("still here"))
        while not is_message("still here")(ann.read_event()):
            pass
        ann.push(frame(PING, b"x") * 2000)
        assert ann.read_close() == 4005
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(frame(PING, b"x") * 2000 + text("still here"))
        taken = echo.read_frame()
        while taken is not None and taken.payload != b"still here":
            taken = echo.read_frame()
        assert taken is not None


def test_a_peer_that_does_not_answer_the_close_is_not_waited_for_long(serve: Serve) -> None:
    server = serve("--close-timeout", "1")
    for path, data, code in (
        ("/ws/echo", frame(3, b"x"), 1002),
        ("/ws/echo", text(b"\xff"), 1007),
        ("/ws/echo", text("x" * 65_537), 1009),
        ("/ws", binary(b"x"), 1003),
        ("/ws", text("{"), 4501),
    ):
        with RawConnection(server.address) as rude:
            rude.upgrade(path)
            rude.push(data)
            assert rude.read_close() == code
            rude.read_end()


def test_typing_past_its_rate_is_dropped_silently(serve: Serve) -> None:
    ann = Chatter(serve("--typing-rate", "1", "--typing-burst", "4").url(), "ann")
    ann.arrive()
    for number in range(40):
        ann.send(type="typing", isTyping=number % 2 == 0)
    told = ann.fence("after")
    assert {event["type"] for event in told} == {"typing"}
    assert 4 <= len(told) < 40
    ann.leave()


def test_upgrades_are_counted_by_address_and_not_by_port(serve: Serve) -> None:
    server = serve("--upgrade-rate", "1", "--upgrade-burst", "3")
    answers = [try_to_upgrade(server, "127.0.0.2") for _ in range(12)]
    assert [response.status for response in answers[:3]] == [101] * 3
    refused = [response for response in answers if response.status != 101]
    assert len(refused) >= 3
    for response in refused:
        assert_asks_to_wait(response, 429)
    assert try_to_upgrade(server, "127.0.0.3").status == 101
    with RawConnection(server.address, source="127.0.0.2") as connection:
        connection.push(plain_head(b"/healthz"))
        assert connection.read_response().status == 200
    eventually(lambda: try_to_upgrade(server, "127.0.0.2").status == 101, "it may come again")


def test_connections_past_the_cap_are_refused_and_a_free_place_is_taken(serve: Serve) -> None:
    server = serve("--max-connections", "3", "--upgrade-rate", "0")
    people = [Chatter(server.url(), f"p{number}") for number in range(3)]
    assert_asks_to_wait(try_to_upgrade(server), 503)
    with pytest.raises(InvalidStatus, match="503"):
        Chatter(server.url("/ws/echo"), "one more")
    with RawConnection(server.address) as connection:
        connection.push(plain_head(b"/readyz"))
        assert connection.read_response().status == 200
    people.pop().leave()
    eventually(lambda: try_to_upgrade(server).status == 101, "there is a place again")
    for somebody in people:
        somebody.leave()


def test_an_eleventh_connection_of_a_user_is_too_many(serve: Serve) -> None:
    server = serve("--upgrade-rate", "0")
    people = [Chatter(server.url(), "ann") for _ in range(10)]
    for somebody in people:
        somebody.arrive()
    eleventh = Chatter(server.url(), "Ann")
    events, code = eleventh.rest()
    assert code == 4505
    assert not [event for event in events if event["type"] in {"presence", "history"}]
    bob = Chatter(server.url(), "bob")
    assert bob.arrive()[-1]["users"] == ["ann", "bob"]
    people.pop().leave()

    def may_come() -> bool:
        again = Chatter(server.url(), "ann")
        try:
            return is_type("history")(again.next())
        except ConnectionClosed:
            return False
        finally:
            again.leave()

    eventually(may_come, "a place for ann is free again")
    for somebody in (*people, bob):
        somebody.leave()
