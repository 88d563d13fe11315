"""Log lines about clients, and the limits of their content and number."""

import json
from typing import Any

from tests.support.client import Chatter, is_message
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import head
from tests.support.server import ChatServer
from tests.support.waiting import eventually


def lines(server: ChatServer, event: str) -> list[dict[str, Any]]:
    """The lines of this kind so far."""
    return [line for line in map(json.loads, server.log_lines) if line["event"] == event]


def test_no_log_line_holds_a_message() -> None:
    with ChatServer("--log-level", "debug") as server:
        ann = Chatter(server.url(), "ann")
        ann.say("a word to the wise")
        ann.first(is_message("a word to the wise"))
        with RawConnection(server.address) as eve:
            eve.upgrade("/ws?word=wise", b"Cookie: word=wise")
            eve.join("eve")
            eve.push(text("wise" * 2000) + text('{"word":"wise'))
            eve.push(text(b"wise \xff"))
            assert eve.read_close() == 1007
        ann.leave()
        server.stop()
    assert {line["user"] for line in map(json.loads, server.log_lines) if "user" in line} == {
        "ann",
        "eve",
    }
    assert "wise" not in "".join(server.log_lines)


def test_a_flood_of_refusals_makes_few_log_lines() -> None:
    with ChatServer("--upgrade-rate", "0") as server:
        foreign = head(plus=(b"Origin: http://evil.test",))
        with RawConnection(server.address) as eve:
            for _ in range(500):
                eve.push(foreign)
                assert eve.read_response().status == 403
        with RawConnection(server.address, source="127.0.0.9") as mallory:
            mallory.push(head(without=("key",), plus=(b"Origin: http://mallory.test",)))
            assert mallory.read_response().status == 400
        eventually(
            lambda: (
                bool(lines(server, "refused")[-1:])
                and lines(server, "refused")[-1]["address"] == "127.0.0.9"
            ),
            "the last one is in the store",
        )
        *flood, last = lines(server, "refused")
    assert 10 <= len(flood) < 250
    assert flood[0]["origin"] == "http://evil.test"
    assert (flood[0]["host"], flood[0]["status"]) == ("chat.test", 403)
    assert last["left_out"] > 0
    assert len(flood) + sum(line.get("left_out", 0) for line in [*flood, last]) == 500
