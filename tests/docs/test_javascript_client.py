"""The JavaScript client of the guide follows each rule of the guide."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attrs import define

from tests.e2e.browser import chromium
from tests.support.ports import free_port
from tests.support.server import ChatServer

from .modelled import Message, Modelled, modelled
from .node import NodeClient, node_client
from .pages import code_block

TEXTS = tuple(f"text {number}" for number in range(8))

Run = Callable[..., NodeClient]
"""Runs a client of the model that sends some texts, until the end of the test."""

DELAYS = {500: 5, 1000: 10, 2000: 20}
"""The first delays before it reconnects, each the shortest possible, and their time in a test."""


@pytest.fixture
def server() -> Iterator[Modelled]:
    with modelled() as it:
        yield it


@pytest.fixture
def run(server: Modelled, tmp_path: Path) -> Iterator[Run]:
    with ExitStack() as stack:
        yield lambda *texts, shortened=None: stack.enter_context(
            node_client(tmp_path, server.url, texts=texts, shortened=shortened or DELAYS)
        )


def stored(server: Modelled) -> list[str]:
    return [event["message"] for event in server.model.stores["general"]]


def add_events(server: Modelled, count: int) -> None:
    for number in range(count):
        server.model.send_message("general", f"event {number}")


def resets(client: NodeClient) -> list[bool]:
    return [event["isReset"] for event in client.events if event["type"] == "joined"]


@define
class Closing:
    """Closes the connection at the first messages of a type, after a call of `meanwhile`."""

    kind: str
    code: int
    count: int = 1
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, message: Message) -> int | None:
        if message["type"] != self.kind or not self.count:
            return None
        self.count -= 1
        self.meanwhile()
        return self.code


def test_it_repeats_a_passing_refusal_before_later_messages(server: Modelled, run: Run) -> None:
    codes = ("rate_limited", "rate_limited", "unavailable")
    server.model.refuses.extend({"code": code, "retryAfterMs": 50} for code in codes)
    client = run(*TEXTS)
    client.until(lambda: len(client.stored) == len(TEXTS))
    assert stored(server) == list(TEXTS)
    assert tuple(client.stored) == TEXTS


def test_it_respects_the_rate_across_a_reconnect(server: Modelled, run: Run) -> None:
    burst, rate = 5, 50
    server.model.limits.update(burst=burst, ratePerSecond=rate)
    texts = tuple(map(str, range(16)))
    closing = Closing("message", 1001)
    arrivals: list[float] = []

    def note(message: Message) -> int | None:
        if message["type"] == "message":
            arrivals.append(time.monotonic())
        return closing(message)

    server.close_code = note
    client = run(*texts)
    client.until(lambda: len(client.stored) == len(texts))
    assert arrivals[-1] - arrivals[0] >= (len(arrivals) - burst) / rate


def test_it_sends_unanswered_messages_again_in_order(server: Modelled, run: Run) -> None:
    server.close_code = Closing("message", 1001)
    client = run(*TEXTS)
    client.until(lambda: len(client.stored) == len(TEXTS))
    assert [message["message"] for message in server.received[-1][1:]] == list(TEXTS)


def test_it_never_sends_a_message_that_would_close_the_connection(
    server: Modelled, run: Run
) -> None:
    client = run("x" * 70_000, "short")
    client.until(lambda: bool(client.stored))
    assert list(client.refused.values()) == ["too_large"]
    assert stored(server) == ["short"]


def test_it_reports_a_final_refusal(server: Modelled, run: Run) -> None:
    server.model.refuses.append({"code": "forbidden"})
    client = run("one", "two")
    client.until(lambda: bool(client.stored))
    assert client.refused == {"one": "forbidden: no"}


@pytest.mark.parametrize(("code", "waits"), [(1001, [500, 500, 500]), (4005, [500, 1000, 2000])])
def test_its_delay_grows_despite_joining_only_after_4005(
    server: Modelled, run: Run, code: int, waits: list[int]
) -> None:
    server.close_code = Closing("message", code, 3)
    client = run("one")
    client.until(lambda: bool(client.stored))
    assert client.waits == waits


@pytest.mark.parametrize("code", [4500, 4501, 4504])
def test_it_ends_after_a_final_close_code(server: Modelled, run: Run, code: int) -> None:
    server.close_code = Closing("hello", code)
    client = run()
    client.until(lambda: bool(client.ends))
    assert client.ends[0][0] == code


def test_it_pages_through_more_events_than_a_joined_contains(server: Modelled, run: Run) -> None:
    server.model.newest, server.model.resume = 5, 3
    server.model.limits["ratePerSecond"] = 0
    server.model.send_message("general", "before")
    server.close_code = Closing("message", 1001, meanwhile=lambda: add_events(server, 250))
    client = run("one")
    client.until(lambda: len(client.seqs()) == 252)
    assert client.seqs() == list(range(1, 253))
    assert resets(client) == [True, False]


def test_it_skips_events_that_the_server_has_forgotten(server: Modelled, run: Run) -> None:
    server.model.newest, server.model.resume, server.model.keep = 5, 3, 10
    server.model.send_message("general", "before")
    server.close_code = Closing("message", 1001, meanwhile=lambda: add_events(server, 30))
    client = run("one")
    client.until(lambda: 31 in client.seqs())
    assert client.seqs()[:11] == [1, *range(22, 32)]


def test_it_starts_again_with_another_history(server: Modelled, run: Run) -> None:
    add_events(server, 5)
    server.close_code = Closing("message", 1001, meanwhile=server.model.begin_anew)
    client = run("one")
    client.until(lambda: "one" in client.messages())
    assert client.seqs() == [1, 2, 3, 4, 5, 1]
    assert resets(client) == [True, True]


def test_it_abandons_a_silent_connection(server: Modelled, run: Run) -> None:
    def mute(message: Message) -> int | None:
        server.is_mute = message["type"] == "message" and len(server.received) == 1
        return None

    server.close_code = mute
    shortened = {**DELAYS, 150_000: 300}
    client = run("one", shortened=shortened)
    client.until(lambda: bool(client.stored))
    assert len(server.received) == 2


KILLS = 10
STORED_BETWEEN_KILLS = 7


def test_ten_kills_of_the_server_lose_repeat_and_reorder_nothing(tmp_path: Path) -> None:
    texts = tuple(f"text {number}" for number in range(KILLS * STORED_BETWEEN_KILLS + 10))
    # It forks: ten starts of an interpreter would take most of the time.
    server = ChatServer(f"--store=sqlite:{tmp_path / 'chat.db'}", port=free_port())
    with (
        server,
        node_client(tmp_path, server.url(), "bob") as reader,
        node_client(tmp_path, server.url(), "ann", texts) as writer,
    ):
        for kill in range(1, KILLS + 1):
            writer.until(lambda: len(writer.stored) >= kill * STORED_BETWEEN_KILLS)  # noqa: B023 - called at once
            server.kill()
            server.start()
        writer.until(lambda: len(writer.stored) == len(texts))
        writer.until(lambda: len(writer.messages()) >= len(texts))
        reader.until(lambda: len(reader.messages()) >= len(texts))
    assert tuple(writer.stored) == texts
    assert reader.messages() == writer.messages() == list(texts)
    for client in (reader, writer):
        first = client.seqs()[0]
        assert client.seqs() == list(range(first, first + len(client.seqs())))
        assert not client.refused
        by_text = {event["message"]: event["seq"] for event in client.events if "seq" in event}
        assert writer.stored == {text: by_text[text] for text in texts}


IN_A_PAGE = """async (url) => {
  const { joinChat } = await import("/chat-client.js");
  const seen = [];
  return new Promise((resolve) => {
    const chat = joinChat(url, "ann", (event) => {
      seen.push([event.type, event.isOwn ?? null, event.message ?? event.isTyping ?? null]);
      if (event.type === "joined") {
        chat.setTyping(true);
        chat.send("{ is not JSON");
      }
      if (event.type === "message") chat.leave();
    }, (code) => resolve([...seen, ["end", null, code]]));
  });
}"""


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yields the origin."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(60)
def test_it_joins_types_sends_and_leaves_in_a_page_of_another_origin(tmp_path: Path) -> None:
    module = code_block("how-to/write-a-client.md", "javascript")
    (tmp_path / "chat-client.js").write_text(module, encoding="utf-8")
    with (
        site(tmp_path) as origin,
        ChatServer("--allow-origin", origin) as server,
        chromium() as browser,
    ):
        page = browser.new_page()
        page.goto(origin)
        events = page.evaluate(IN_A_PAGE, server.url())
    assert events[0] == ["joined", None, None]
    assert ["typing", None, True] in events
    assert ["message", True, "{ is not JSON"] in events
    assert events[-1] == ["end", None, 1000]
