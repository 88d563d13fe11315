"""The pages over TLS: a browser that comes by https talks by wss."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.certificates import certificate_files
from tests.e2e.conftest import OpenChat, OpenEcho
from tests.e2e.server import ChatServer


@pytest.fixture
def settings(tmp_path: Path) -> tuple[str, ...]:
    """A certificate of which the browser is told not to ask who signed it."""
    return certificate_files(tmp_path).settings


def test_two_windows_talk_over_wss(open_chat: OpenChat, server: ChatServer) -> None:
    assert server.origin.startswith("https://")
    ann = open_chat(ignore_https_errors=True).join("ann")
    bob = open_chat(ignore_https_errors=True).join("bob")
    ann.say("hello bob")
    expect(bob.others).to_have_text(["hello bob"])
    bob.say("hello ann")
    expect(ann.others).to_have_text(["hello ann"])
    assert [socket.url for socket in ann.sockets] == [server.socket_url]
    assert server.socket_url.startswith("wss://")


def test_the_echo_page_is_answered_over_wss(open_echo: OpenEcho) -> None:
    echo = open_echo(ignore_https_errors=True)
    echo.expect_connected()
    echo.say("over TLS")
    expect(echo.store.locator(".server .words")).to_have_text(["over TLS"])
