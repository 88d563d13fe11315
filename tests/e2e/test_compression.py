"""The browser and the server agree on compression."""

import re
import urllib.request

from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.support.server import ChatServer

LONG = "the same words again and again, " * 100


def count(server: ChatServer, name: str) -> float:
    """Return the value of a counter of the server."""
    with urllib.request.urlopen(server.page("/metrics")) as answer:
        text = answer.read().decode()
    found = re.search(rf"^trio_chat_{name}_total (\S+)$", text, re.MULTILINE)
    assert found, f"no {name} in the metrics"
    return float(found[1])


def test_a_long_message_is_compressed_both_ways(open_chat: OpenChat, server: ChatServer) -> None:
    ann = open_chat().join("ann")
    names = ("sent_bytes", "received_bytes")
    before = [count(server, name) for name in names]
    ann.send(LONG)
    expect(ann.message(LONG.strip())).to_have_attribute("data-state", "sent")
    for name, value in zip(names, before, strict=True):
        assert 0 < count(server, name) - value < len(LONG) / 2
