"""Editing and deleting (docs/reference/wire.md), with names that prove nothing."""

from collections.abc import Callable

import pytest

from tests.support.client import Chatter, Event, has_joined, is_message, is_type
from tests.support.server import ChatServer

from .speaker import EVENT_FIELDS, NO_LIMITS, Speaker, assert_error

SETTINGS = NO_LIMITS

ALSO_ON_SQLITE = True

Speak = Callable[..., Speaker]

ASKED = {"edited": "edit", "deleted": "delete"}


def present(speak: Speak, name: str, room: str, device: str | None = None) -> Speaker:
    """Give somebody in the room who has read all that coming in has brought."""
    somebody = speak(name, room, device=device)
    somebody.arrive()
    somebody.fence(room)
    return somebody


def change(somebody: Speaker, kind: str, room: str, target: object) -> Event:
    """Ask for an edit or a deletion, and give the answer."""
    text = {"message": "changed"} if kind == "edit" else {}
    return somebody.ask(kind, room=room, id=target, ref="r", **text)


def test_an_edit_and_a_deletion_are_events_that_name_what_they_change(
    speak: Speak, room: str
) -> None:
    ann, bob = present(speak, "ann", room), present(speak, "bob", room)
    first = ann.ask("message", room=room, message="helo")
    bob.first(is_message("helo"))
    for kind, text in (("edited", "hello"), ("deleted", "")):
        fields = {"message": f" {text}\n"} if text else {}
        ann.send(type=ASKED[kind], room=room, id=first["id"], ref=kind, **fields)
        ack = ann.first(is_type("ack"))
        mine, theirs = ann.next(), bob.next()
        assert mine == theirs
        assert mine.keys() == EVENT_FIELDS | {"username", "target"}
        assert (mine["type"], mine["message"], mine["target"]) == (kind, text, first["id"])
        assert (mine["username"], mine["room"]) == ("ann", room)
        assert ack == {
            "type": "ack",
            "ref": kind,
            "room": room,
            "id": mine["id"],
            "seq": mine["seq"],
            "dup": False,
        }
        assert mine["id"] != first["id"]


def test_a_change_without_a_ref_is_not_acknowledged(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room)
    first = ann.ask("message", room=room, message="hello")
    ann.send(type="edit", room=room, id=first["id"], message="hello!")
    ann.send(type="delete", room=room, id=first["id"])
    told = ann.fence(room)
    assert [event["type"] for event in told] == ["message", "edited", "deleted"]


def test_a_plain_connection_is_not_told_and_its_numbers_skip(
    speak: Speak, server: ChatServer
) -> None:
    ann = present(speak, "ann", "general")
    pia = Chatter(server.url(), "pia")
    pia.arrive()
    ann.up_to(has_joined("pia"))
    first = ann.ask("message", message="helo")
    ann.ask("edit", id=first["id"], message="hello")
    ann.ask("delete", id=first["id"])
    last = ann.ask("message", message="after")
    seen = pia.up_to(is_message("after"))
    assert [event["type"] for event in seen] == ["message", "message"]
    assert [event["seq"] for event in seen] == [first["seq"], last["seq"]]
    assert last["seq"] == first["seq"] + 3
    pia.send(type="edit", id=first["id"], message="by somebody plain")
    assert "seq" not in pia.first(is_type("system"))
    pia.leave()


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_what_is_no_message_of_the_room_or_has_been_deleted_is_not_found(
    speak: Speak, room: str, kind: str
) -> None:
    other = f"{room}.other"
    ann = speak("ann", room, other)
    ann.arrive()
    notice = ann.first(has_joined("ann"))
    elsewhere = ann.ask("message", room=other, message="elsewhere")
    here = ann.ask("message", room=room, message="here")
    edit = ann.ask("edit", room=room, id=here["id"], message="here!")
    gone = ann.ask("message", room=room, message="gone")
    deletion = ann.ask("delete", room=room, id=gone["id"])
    targets = ["unknown", notice["id"], elsewhere["id"], edit["id"], gone["id"], deletion["id"]]
    for target in (*targets, "", " ", "x" * 1000, "\u00e9", "'; drop table events --", "%"):
        answer = change(ann, kind, room, target)
        assert_error(answer, "not_found", room=room, ref="r")


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_only_the_same_user_and_device_may_change_a_message(
    speak: Speak, room: str, kind: str
) -> None:
    ann = present(speak, "ann", room, f"1-{room}")
    first = ann.ask("message", room=room, message="mine")
    strangers = [
        present(speak, "ann", room, f"2-{room}"),
        present(speak, "bob", room, f"1-{room}"),
        present(speak, "ann", room),
    ]
    for somebody in strangers:
        assert_error(change(somebody, kind, room, first["id"]), "forbidden", room=room, ref="r")
    ann.drop()
    again = present(speak, "ANN", room, f"1-{room}")
    assert change(again, kind, room, first["id"])["type"] == "ack"


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_nobody_may_change_what_a_plain_connection_has_said(
    speak: Speak, server: ChatServer, kind: str
) -> None:
    pia = Chatter(server.url(), "pia")
    pia.fence("from pia")
    history = present(speak, "pia", "general").ask("history", limit=10)["history"]
    said = next(event for event in history if event["message"] == "from pia")
    for device in ("", "d"):
        double = present(speak, "pia", "general", device or None)
        assert_error(
            change(double, kind, "general", said["id"]), "forbidden", room="general", ref="r"
        )
    pia.leave()


def test_who_has_left_the_room_may_change_nothing_in_it(speak: Speak, room: str) -> None:
    ann = speak("ann", room, "general")
    ann.arrive()
    first = ann.ask("message", room=room, message="mine")
    ann.ask("leave", room=room)
    answer = ann.ask("delete", room=room, id=first["id"], ref="r")
    assert_error(answer, "not_joined", room=room, ref="r")
    answer = ann.ask("delete", id=first["id"], ref="r")
    assert_error(answer, "not_found", room="general", ref="r")


def test_a_new_text_is_held_to_what_a_text_is_held_to(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room)
    first = ann.ask("message", room=room, message="mine")
    for text, code in (
        ("x" * 4097, "too_large"),
        ("", "bad_request"),
        (" \u2003", "bad_request"),
        ("a\x00b", "bad_request"),
        (None, "bad_request"),
        (5, "bad_request"),
    ):
        answer = ann.ask("edit", room=room, id=first["id"], message=text, ref="r")
        assert_error(answer, code, room=room, ref="r")
    ann.ask("edit", room=room, id=first["id"], message="y" * 4096)
    for asked in ({}, {"id": None}, {"id": 5}, {"id": [first["id"]]}):
        for kind in ("edit", "delete"):
            answer = ann.ask(kind, room=room, message="hello", ref="r", **asked)
            assert_error(answer, "bad_request", room=room, ref="r")


def test_a_retry_is_acknowledged_again_whatever_has_become_of_the_message(
    speak: Speak, room: str
) -> None:
    ann = present(speak, "ann", room, f"d-{room}")
    first = ann.ask("message", room=room, message="one", ref="m")
    edited = ann.ask("edit", room=room, id=first["id"], message="two", ref="e")
    deleted = ann.ask("delete", room=room, id=first["id"], ref="d")
    for kind, ref, fields, answer in (
        ("message", "m", {"message": "one"}, first),
        ("edit", "e", {"id": first["id"], "message": "two"}, edited),
        ("delete", "d", {"id": first["id"]}, deleted),
    ):
        assert ann.ask(kind, room=room, ref=ref, **fields) == answer | {"dup": True}
    ann.fence(room)
    assert ann.fence(room) == []


def test_what_was_refused_may_be_asked_again_with_the_same_ref(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room, f"d-{room}")
    answer = ann.ask("edit", room=room, id="unknown", message="hello", ref="r")
    assert answer["code"] == "not_found"
    assert ann.ask("message", room=room, message="hello", ref="r")["dup"] is False


def test_an_edit_does_not_end_typing(speak: Speak, room: str) -> None:
    ann = present(speak, "ann", room)
    first = ann.ask("message", room=room, message="one")
    ann.send(type="typing", room=room, isTyping=True)
    ann.ask("edit", room=room, id=first["id"], message="two")
    ann.ask("message", room=room, message="three")
    told = ann.up_to(lambda event: event["type"] == "typing" and not event["isTyping"])
    kinds = [event["type"] for event in told]
    assert kinds == ["message", "typing", "edited", "message", "typing"]
