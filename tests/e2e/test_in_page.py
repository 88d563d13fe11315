"""Tests that run in the page, where its layout and its selections are: tests/js/page/*.page.js."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.e2e.conftest import OpenChat

FOLDER = Path(__file__).parents[1] / "js" / "page"

RUN = """async ([file, name]) => {
  const { tests } = await import(`/in-page/${file}`);
  if (name === undefined) return Object.keys(tests);
  try {
    await tests[name]();
  } catch (error) {
    return error.stack;
  }
}"""


def prepare(page: Page) -> None:
    """Serve the tests, and put their server in the place of the real one."""

    def answer(route: Route) -> None:
        route.fulfill(path=FOLDER / route.request.url.rpartition("/")[2])

    def resize(width: int, height: int) -> None:
        page.set_viewport_size({"width": width, "height": height})

    page.route("**/in-page/*", answer)
    page.expose_function("setViewport", resize)
    page.add_init_script(path=FOLDER / "server.js")


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.page.js")))
def test_in_page(open_chat: OpenChat, file: str) -> None:
    page = open_chat(prepare=prepare).page
    failed = ""
    for name in page.evaluate(RUN, [file]):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        page.goto(page.url.partition("#")[0])
        if (why := page.evaluate(RUN, [file, name])) is not None:
            failed += f"\n{name}: {why}"
    assert not failed, failed
