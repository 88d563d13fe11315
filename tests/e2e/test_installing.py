"""The installed page: its manifest, and how it opens without a network."""

import shutil
from functools import partial
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Browser, expect

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat
from tests.support.ports import free_port
from tests.support.server import ChatServer
from trio_chat.pages.site import find_static_folder

KEPT = """async () => {
  await navigator.serviceWorker.ready;
  const keys = await Promise.all((await caches.keys()).map(async (name) =>
    (await (await caches.open(name)).keys()).map(({ url }) => url)));
  return keys.flat();
}"""

ICONS = """() => Promise.all(["any-192", "any-512", "maskable-512"].map(async (name) => {
  const image = Object.assign(new Image(), { src: `/static/icons/${name}.png` });
  await image.decode();
  return image.naturalWidth;
}))"""


def test_the_page_can_be_installed(open_chat: OpenChat) -> None:
    ann = open_chat()
    session = ann.page.context.new_cdp_session(ann.page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.webmanifest")
    assert ann.page.evaluate(ICONS) == [192, 512, 512]
    faults = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {fault["errorId"] for fault in faults} <= {"in-incognito"}  # as every test window


def test_the_page_opens_without_its_server_and_joins_once_that_is_back(
    open_chat: OpenChat, server: ChatServer, guard: Guard
) -> None:
    guard.allow("Failed to load resource|WebSocket connection|net::ERR")
    ann = open_chat("/", service_workers="allow")
    ann.join("ann")
    ann.send("secret plan")
    expect(ann.own).to_have_text(["secret plan"])
    kept = {url.removeprefix(server.page("/")) for url in ann.page.evaluate(KEPT)}
    assert "" in kept
    assert all(path == "" or path.startswith("static/") for path in kept), kept
    ann.page.reload()  # from now on, all files pass the service worker
    ann.expect_connected()
    ann.field.press("a")
    ann.wait_for(lambda: "/extras.js" in str(ann.page.evaluate(KEPT)), "extras in the shell")
    server.kill()
    again = ann.page.context.new_page()
    again.goto(server.page("/"))
    again.get_by_label("Your name").fill("bob")
    again.get_by_role("button", name="Join the chat").click()
    expect(again.locator("#notice-bar")).to_be_visible()
    server.start()
    expect(again.locator("#pill")).to_have_text("Connected")


def serve_pages_of(folder: Path) -> None:
    """Let the server in this process serve other pages."""
    patch("trio_chat.server.find_static_folder", lambda: folder).start()


def test_a_new_version_of_the_server_replaces_the_kept_page_at_once(
    browser: Browser, tmp_path: Path
) -> None:
    shutil.copytree(find_static_folder(), folder := tmp_path / "static")
    with (folder / "js" / "dom.js").open("a", encoding="utf-8") as script:
        script.write("globalThis.isNew = true;\n")

    port = free_port()
    page = browser.new_page()
    with ChatServer(port=port) as old:
        page.goto(old.page("/"))
        page.evaluate("navigator.serviceWorker.ready")
        assert page.evaluate("globalThis.isNew") is None
    with ChatServer(port=port, prepare=partial(serve_pages_of, folder)):
        page.reload()
        page.wait_for_function("isNew")
        has_kept = """async () => (await (await caches.match("/")).text()).includes(
          new URL(document.scripts[0].src).pathname)"""
        page.wait_for_function(has_kept)
    page.reload()  # without a server
    page.wait_for_function("isNew")
    page.close()
