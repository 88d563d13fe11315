"""The announcement of a shutdown to version 2 clients."""

import signal
import time
from collections.abc import Callable

from tests.support.client import Chatter, dial, is_type
from tests.support.server import ChatServer

from .speaker import Speaker

SETTINGS = ("--upgrade-rate", "0", "--heartbeat-interval", "0.5")

Speak = Callable[..., Speaker]


def test_shutdown_announces_the_close_to_version_2_and_closes_plain_at_once(
    speak: Speak, server: ChatServer
) -> None:
    members = [speak(f"p{number}", "a", "b") for number in range(30)]
    for member in members:
        member.arrive()
    pia = Chatter(server.url(), "pia")
    pia.arrive()
    waits = []
    with dial(server.url()):  # and somebody who has not said a name
        members[0].ask("message", room="a", message="before the end")
        server.signal(signal.SIGTERM)
        began = time.monotonic()
        assert pia.close_code() == 1001
        for member in members:
            told = member.first(is_type("reconnect"))
            assert told.keys() == {"type", "afterMs"}
            assert isinstance(told["afterMs"], int)
            waits.append(told["afterMs"])
            events, code = member.rest()
            assert code == 1012
            assert not [event for event in events if event["type"] == "reconnect"]
    assert len(set(waits)) > 1  # not all of them at the same moment
    assert min(waits) >= 0
    assert time.monotonic() - began > max(waits) / 1000 - 0.1
    assert server.wait() == 0
    server.assert_clean_log()
    pia.leave()
