"""A server that dies and comes back on the same store."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Lose, OpenChat
from tests.e2e.server import ChatServer


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A log that outlives the server."""
    return ("--store", f"sqlite:{tmp_path / 'chat.db'}")


def test_two_windows_lose_and_double_nothing_over_a_killed_server(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("one")
    expect(bob.others).to_have_text(["one"])
    bob.say("two")
    expect(ann.others).to_have_text(["two"])
    lose(server, ann)
    ann.say("three, written offline")
    ann.say("four")
    expect(ann.own).to_have_text(["one", "three, written offline", "four"])
    server.start()
    for window in (ann, bob):
        window.expect_connected()
    expect(bob.texts).to_have_text(["one", "two", "three, written offline", "four"])
    bob.say("five")
    for window in (ann, bob):
        expect(window.texts).to_have_text(["one", "two", "three, written offline", "four", "five"])
    expect(ann.store.locator("[data-state=sending], [data-state=failed]")).to_have_count(0)
    expect(ann.store.locator(".divider").first).to_have_text("The beginning of this room")
