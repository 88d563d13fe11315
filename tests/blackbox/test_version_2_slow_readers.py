"""A slow reader of version 2 is dropped, and comes back to exactly what it missed (section 5.6)."""

import json
from collections.abc import Callable

from tests.support.client import has_left
from tests.support.frames import CLOSE, TEXT, close, text
from tests.support.raw import Event, RawConnection
from tests.support.server import ChatServer

from .speaker import Speaker, seqs

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "0", "--frame-rate", "0"),
    *("--send-buffer-bytes", "4096"),
)

Speak = Callable[..., Speaker]


def test_a_dropped_version_2_client_resumes_without_a_gap_and_unnoticed(
    speak: Speak, server: ChatServer, room: str
) -> None:
    bob, talker = speak("bob", room), speak("talker", room)
    bob.arrive()
    talker.arrive()
    hello = {"type": "hello", "v": 2, "username": "slow", "rooms": {room: {}}}
    with RawConnection(server.address, receive_buffer_bytes=4096) as slow:
        slow.upgrade()
        slow.push(text(json.dumps(hello)))
        seen: list[Event] = []
        while not seen or seen[-1]["type"] != "joined":
            seen.append(slow.read_event())
        epoch = seen[-1]["epoch"]
        for number in range(300):  # more than the 256 frames that may wait
            talker.ask("message", room=room, message=f"line {number}" + "x" * 200)
        while (taken := slow.read_frame()) is not None and taken.opcode != CLOSE:
            seen += [json.loads(taken.payload)] if taken.opcode == TEXT else []
        assert taken is not None
        assert taken.close_code == 4002
        slow.push(close(4002))
    last = max(seqs(seen))
    back = speak("slow", {room: {"since": last, "epoch": epoch}})
    (joined,) = back.arrive()
    assert joined["recovered"] is True
    assert seqs(seen[2:]) + seqs(joined["history"]) == list(range(3, joined["head"] + 1))
    told = bob.fence(room)
    assert not [event for event in told if gone(event)]
    assert len([event for event in told if event["type"] == "message"]) == 300


def gone(event: Event) -> bool:
    """Return whether an event says that a user left."""
    return has_left("slow")(event) or bool(event.get("offline"))
