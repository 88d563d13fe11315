"""What version 2 is told by a server that is there, and by one that goes away."""

import signal
import time
from collections.abc import Callable

from tests.support.client import Chatter, dial, is_type
from tests.support.server import ChatServer

from .speaker import Speaker

SETTINGS = ("--upgrade-rate", "0", "--heartbeat-interval", "0.5")

Speak = Callable[..., Speaker]


def test_a_heartbeat_says_how_far_each_room_has_come(speak: Speak, server: ChatServer) -> None:
    ann, pia = speak("ann", "general", "a"), Chatter(server.url(), "pia")
    ann.arrive()
    pia.arrive()
    last = ann.ask("message", room="a", message="hello")["seq"]
    told = ann.up_to(is_type("heartbeat"))
    told += ann.up_to(is_type("heartbeat"))
    assert told[-1].keys() == {"type", "time", "heads"}
    assert abs(told[-1]["time"] / 1000 - time.time()) < 60
    heads = {
        room: max(e["seq"] for e in told if "id" in e and e["room"] == room)
        for room in ("general", "a")
    }
    assert told[-1]["heads"] == heads
    assert heads["a"] == last
    ann.ask("leave", room="a")
    ann.first(is_type("heartbeat"))
    assert ann.first(is_type("heartbeat"))["heads"].keys() == {"general"}
    assert pia.first(is_type("heartbeat")).keys() == {"type", "time"}
    pia.leave()


def test_who_speaks_version_2_is_told_when_and_closed_then_and_who_is_plain_at_once(
    speak: Speak, server: ChatServer
) -> None:
    people = [speak(f"p{number}", "a", "b") for number in range(30)]
    for somebody in people:
        somebody.arrive()
    pia = Chatter(server.url(), "pia")
    pia.arrive()
    waits = []
    with dial(server.url()):  # and somebody who has not said a name
        people[0].ask("message", room="a", message="before the end")
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        assert pia.close_code() == 1001
        for somebody in people:
            told = somebody.first(is_type("reconnect"))
            assert told.keys() == {"type", "afterMs"}
            assert isinstance(told["afterMs"], int)
            waits.append(told["afterMs"])
            events, code = somebody.rest()
            assert code == 1012
            assert not [event for event in events if event["type"] == "reconnect"]
    assert len(set(waits)) > 1  # not all of them at the same moment
    assert min(waits) >= 0
    assert time.monotonic() - began > max(waits) / 1000 - 0.1
    assert server.wait() == 0
    server.assert_clean_log()
    pia.leave()
