"""The chat page over TLS uses ``wss``."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.support.certificates import certificate_files
from tests.support.server import ChatServer


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A certificate that the browser accepts unverified."""
    return certificate_files(tmp_path).settings


def test_a_window_chats_over_wss(open_chat: OpenChat, server: ChatServer) -> None:
    assert server.origin.startswith("https://")
    ann = open_chat(ignore_https_errors=True).join("ann")
    ann.send("over TLS")
    expect(ann.message("over TLS")).to_have_attribute("data-state", "sent")
    assert [socket.url for socket in ann.sockets] == [server.url()]
    assert server.url().startswith("wss://")
