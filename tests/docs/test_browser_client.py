from collections.abc import Iterator

import pytest

from tests.blackbox.server import running

from .browser import Site, open_page, site
from .fleeting import closing_with
from .pages import code_block

# Reports arrive in the order in which they are made: one is under way at a time.
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="module">
import { joinChat } from "/chat-client.js";
let reported = Promise.resolve();
function report(...what) {
  const body = JSON.stringify(what);
  reported = reported.then(() => fetch("/report", { method: "POST", body }));
}
const chat = joinChat("URL", "ann",
  (event) => {
    report(event.type, event.username, event.message ?? event.isTyping ?? event.users);
    if (event.type === "presence") { chat.keyPressed(); chat.say("{ is no JSON"); }
    if (event.type === "typing" && !event.isTyping) chat.leave();
  },
  (code, reason) => report("end", code, reason));
</script>"""


@pytest.fixture
def pages() -> Iterator[Site]:
    with site() as it:
        it.files["/chat-client.js"] = code_block("how-to/write-a-client.md", "javascript")
        yield it


def test_the_module_of_the_how_to_joins_types_talks_and_leaves(pages: Site) -> None:
    with running("--allow-origin", pages.origin) as server:
        pages.files["/"] = PAGE.replace("URL", server.url())
        with open_page(pages.origin + "/"):
            assert [pages.next_report() for _ in range(6)] == [
                ["system", None, "ann has joined the chat"],
                ["presence", None, ["ann"]],
                ["typing", "ann", True],
                ["message", "ann", "{ is no JSON"],
                ["typing", "ann", False],
                ["end", 1000, ""],
            ]


def test_the_module_comes_back_after_1001_and_not_after_4501(pages: Site) -> None:
    with closing_with(1001, 4501) as server:
        pages.files["/"] = PAGE.replace("URL", server.url)
        with open_page(pages.origin + "/"):
            assert pages.next_report() == ["end", 4501, "as the test wants it"]
        assert server.names == ["ann", "ann"]
