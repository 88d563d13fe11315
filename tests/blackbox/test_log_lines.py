"""No log line contains a message."""

import json

from tests.support.client import Chatter, is_message
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer


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
        lines = [json.loads(line) for line in server.log_lines]
    assert {line["user"] for line in lines if "user" in line} == {"ann", "eve"}
    assert "wise" not in repr(lines)
