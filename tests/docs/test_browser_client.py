import json
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.blackbox.server import running

from .browser import Site, open_page, site
from .fleeting import closing_with
from .pages import code_block
from .test_python_client import next_of

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
    const { type, isOwn = null } = event;
    const what = event.message ?? event.isTyping ?? event.users;
    if (type === "system") report(type, what);
    else report(type, event.username ?? null, isOwn, what);
    if (type === "joined") {
      chat.keyPressed();
      chat.say("{ is no JSON").then(({ dup }) => report("stored", dup));
    }
    if (type === "typing" && !event.isTyping) chat.leave();
  },
  (code, reason) => report("end", code, reason));
</script>"""


@pytest.fixture
def pages() -> Iterator[Site]:
    with site() as it:
        it.files["/chat-client.js"] = code_block("how-to/write-a-client.md", "javascript")
        yield it


def test_the_module_of_the_how_to_joins_types_talks_and_leaves(pages: Site) -> None:
    with (
        running("--allow-origin", pages.origin) as server,
        connect(server.url()) as other,
    ):
        other.send("ANN")  # so this is how the server displays her
        next_of(other, "presence")
        pages.files["/"] = PAGE.replace("URL", server.url())
        with open_page(pages.origin + "/"):
            reports = [pages.next_report() for _ in range(6)]
            # An ack precedes all that its turn sends, and that may be the typing, too.
            reports.remove(["stored", False])
            assert reports == [
                ["joined", None, None, ["ANN"]],
                ["system", "ANN has joined the chat"],
                ["typing", "ANN", None, True],
                ["message", "ANN", True, "{ is no JSON"],
                ["typing", "ANN", None, False],
            ]
            assert pages.next_report() == ["end", 1000, ""]


def test_the_module_comes_back_after_1001_and_not_after_4501(pages: Site) -> None:
    with closing_with(1001, 4501) as server:
        pages.files["/"] = PAGE.replace("URL", server.url)
        with open_page(pages.origin + "/"):
            assert pages.next_report() == ["end", 4501, "as the test wants it"]
        assert [json.loads(name)["username"] for name in server.names] == ["ann", "ann"]
