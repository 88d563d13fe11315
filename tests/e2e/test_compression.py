"""The page chats compressed, without knowing: the browser offers it, and the server agrees."""

import re
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer

LONG = "the same words again and again, " * 100


def count(server: ChatServer, name: str) -> float:
    """What a counter of the server says."""
    with urllib.request.urlopen(server.url("/metrics")) as answer:
        text = answer.read().decode()
    found = re.search(rf"^trio_chat_{name}_total (\S+)$", text, re.MULTILINE)
    assert found, f"no {name} in the metrics"
    return float(found[1])


@pytest.mark.parametrize("settings", [(), ("--compression", "off")])
def test_a_long_message_crosses_the_wire_compressed_both_ways_unless_that_is_off(
    open_chat: OpenChat, server: ChatServer, settings: tuple[str, ...]
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    expect(ann.people).to_have_text(["ann", "bob"])
    sent, received = count(server, "sent_bytes"), count(server, "received_bytes")
    ann.say(LONG)
    expect(bob.others).to_have_text([LONG.strip()])
    expect(ann.own).to_have_text([LONG.strip()])
    sent = count(server, "sent_bytes") - sent
    received = count(server, "received_bytes") - received
    is_on = not settings
    assert (received < len(LONG) / 2) is is_on
    assert (sent < len(LONG) / 2) is is_on
