"""Another site shows the chat in a frame, or imports its modules."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.server import serving
from tests.support.server import ChatServer
from tests.support.site import Site
from tests.support.tokens import SECRET, for_user

AROUND = """<!doctype html><iframe id="chat" src="%s"></iframe><script>
  addEventListener("message", ({ source, data }) => {
    if (source !== chat.contentWindow || data.type !== "trio-chat:token-wanted") return;
    globalThis.asked = (globalThis.asked ?? 0) + 1;
    source.postMessage({ type: "trio-chat:token", token: "%s" }, new URL(chat.src).origin);
  });
</script>"""

USE = """async ([chat, token]) => {
  const { DEFAULT_ROOM } = await import(`${chat}static/js/client/wire.js`);
  const ready = await fetch(`${chat}readyz`);
  const protocols = ["trio-chat.v2", `bearer.${token}`];
  const socket = new WebSocket(`${chat.replace("http", "ws")}ws`, protocols);
  await new Promise((onopen, onerror) => Object.assign(socket, { onopen, onerror }));
  return [DEFAULT_ROOM, ready.headers.get("chat-auth")];
}"""


@pytest.fixture
def site() -> Iterator[Site]:
    """Another site."""
    with Site() as started:
        yield started


def open_site(browser: Browser, site: Site, chat: ChatServer) -> Page:
    site.html = AROUND % (chat.page("/"), token())
    page = browser.new_page()
    page.goto(site.origin)
    return page


def token() -> str:
    return for_user("ann", time.time() + 3600)


def serve(tmp_path: Path, *settings: str) -> ChatServer:
    (secret := tmp_path / "secret").write_text(SECRET)
    return serving(
        tmp_path / "log", "--auth", "token", "--token-secret-file", str(secret), *settings
    )


def test_an_allowed_site_frames_the_chat_signs_in_and_imports_modules(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    with serve(tmp_path, "--embed-origin", site.origin) as chat:
        page = open_site(browser, site, chat)
        frame = page.frame_locator("#chat")
        expect(frame.locator("#pill")).to_have_text("Connected")
        expect(frame.locator("#people-list .self .person-name")).to_have_text("ann")
        assert page.evaluate("asked") == 1
        assert page.evaluate(USE, [chat.page("/"), token()]) == ["general", "token"]
        page.close()


def test_another_site_can_neither_frame_the_chat_nor_import_its_modules(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    with serve(tmp_path, "--embed-origin", "https://other.test") as chat:
        page = open_site(browser, site, chat)
        assert page.evaluate("globalThis.asked") is None
        expect(page.frame_locator("#chat").locator("#join-form")).to_have_count(0)
        imported = f"import('{chat.page('/static/js/client/wire.js')}').then(() => 1, () => 0)"
        assert page.evaluate(imported) == 0
        page.close()
