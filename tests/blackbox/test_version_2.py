"""Version 2 clients whose demands are large, and clients that return after a kill or a drop."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.client import Event, has_left, is_type
from tests.support.frames import CLOSE, TEXT, close, text
from tests.support.ports import free_port
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .speaker import NO_LIMITS, Speaker, seqs
from .witness import ROUND_TRIP_SECONDS, Bystander

SETTINGS = (*NO_LIMITS, "--send-buffer-bytes", "4096")

Speak = Callable[..., Speaker]

PAGE = "\U0001f600" * 4096
"""16 KiB."""


def hello(name: str, rooms: dict[str, dict[str, object]]) -> bytes:
    """Return the first message of a version 2 client."""
    return text(json.dumps({"type": "hello", "v": 2, "username": name, "rooms": rooms}))


def test_a_killed_server_continues_its_file(room: str, tmp_path: Path) -> None:
    flags = ("--store", f"sqlite:{tmp_path}/chat.db")
    with ChatServer(*flags, port=free_port()) as server:
        ann = Speaker(server.url(), "ann", room, device="d")
        (joined,) = ann.arrive()
        acks = [ann.ask("message", room=room, message=f"{n}", ref=f"r{n}") for n in range(5)]
        ann.ask("edit", room=room, id=acks[0]["id"], message="edited", ref="e")
        ann.send(type="read", room=room, seq=4)
        ann.first(is_type("read"))
        server.kill()
        ann.leave()
        server.start()
        known = {"since": acks[0]["seq"], "epoch": joined["epoch"]}
        ann = Speaker(server.url(), "ann", {room: known}, device="d")
        (joined,) = ann.arrive()
        newest = acks[-1]["seq"] + 1
        assert (joined["epoch"], joined["recovered"]) == (known["epoch"], True)
        assert (joined["head"], joined["read"]) == (newest, 4)
        assert seqs(joined["history"]) == [*(ack["seq"] for ack in acks[1:]), newest]
        assert [event["id"] for event in joined["history"][:-1]] == [ack["id"] for ack in acks[1:]]
        again = ann.ask("message", room=room, message="3", ref="r3")
        assert again == acks[3] | {"dup": True}
        ann.leave()


def test_a_dropped_client_resumes_without_a_gap_and_unnoticed(
    speak: Speak, server: ChatServer, room: str
) -> None:
    bob, talker = speak("bob", room), speak("talker", room)
    bob.arrive()
    talker.arrive()
    with RawConnection(server.address, receive_buffer_bytes=4096) as slow:
        slow.upgrade()
        slow.push(hello("slow", {room: {}}))
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
    back = speak("slow", {room: {"since": max(seqs(seen)), "epoch": epoch}})
    (joined,) = back.arrive()
    assert joined["recovered"] is True
    assert seqs(seen[2:]) + seqs(joined["history"]) == list(range(3, joined["head"] + 1))
    received = bob.fence(room)
    assert not [event for event in received if has_left("slow")(event) or event.get("offline")]
    assert len([event for event in received if event["type"] == "message"]) == 300


def test_hundreds_of_requests_at_once_delay_no_bystander(
    serve: Callable[..., ChatServer], room: str
) -> None:
    server = serve(*NO_LIMITS, "--send-queue", "100000", "--send-queue-bytes", "100000000")
    bystander = Bystander(server.url())
    eve = Speaker(server.url(), "eve", room)
    eve.arrive()
    for number in range(60):
        eve.send(type="message", room=room, message=f"{number}{PAGE[:4000]}")
    eve.fence(room)
    refs = [f"r{number}" for number in range(300)]
    with bystander.watching() as watched:
        for ref in refs:
            eve.send(type="history", room=room, limit=100, ref=ref)
        answers: dict[str, Event] = {}
        while len(answers) < len(refs):
            event = eve.next()
            if "ref" in event:
                answers[event["ref"]] = event
    pages = [answer for answer in answers.values() if answer["type"] == "history"]
    assert len(pages) >= 100
    assert all(len(page["history"]) >= 14 for page in pages)
    refusals = [answer["code"] for answer in answers.values() if answer["type"] == "error"]
    assert refusals == ["limit_exceeded"] * (len(refs) - len(pages))
    assert watched.slowest < ROUND_TRIP_SECONDS
    eve.leave()
    bystander.leave()
