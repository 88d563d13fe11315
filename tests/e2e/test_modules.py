"""The parts of the pages that compute something, called by themselves."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.server import ChatServer


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page that is only there to compute; no test leaves anything behind in it."""
    log = tmp_path_factory.mktemp("modules") / "server.log"
    with ChatServer(log) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(server.url("/"))
        yield page


def _call(page: Page, module: str, function: str, *arguments: object) -> Any:  # noqa: ANN401
    return page.evaluate(
        """async ([module, name, values]) =>
          (await import(`/static/js/${module}.js`))[name](...values)""",
        [module, function, list(arguments)],
    )


@pytest.mark.parametrize(
    ("failures", "ceiling_ms"),
    [(0, 1_000), (1, 2_000), (2, 4_000), (4, 16_000), (5, 30_000), (2_000, 30_000)],
)
def test_the_delay_doubles_up_to_half_a_minute_and_is_spread_over_its_upper_half(
    page: Page, failures: int, ceiling_ms: int
) -> None:
    delays = page.evaluate(
        """async (failures) => {
          const { backoffDelayMs } = await import("/static/js/backoff.js");
          return [0, 0.5, 0.999999].map((random) => backoffDelayMs(failures, random));
        }""",
        failures,
    )
    assert delays == [ceiling_ms / 2, ceiling_ms * 3 / 4, ceiling_ms]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Ann", "ann", True),
        (" ann  lee ", "Ann\u00a0Lee", True),
        ("\uff21nn", "ann", True),
        ("ann", "anna", False),
        ("ann", "a nn", False),
    ],
)
def test_names_are_compared_as_the_server_does(
    page: Page, one: str, other: str, *, is_same: bool
) -> None:
    keys = [_call(page, "names", "nameKey", name) for name in (one, other)]
    assert (keys[0] == keys[1]) is is_same


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "null",
        "5",
        "[]",
        "{}",
        '{"type":"next year\'s type"}',
        '{"type":"message","message":5}',
        '{"type":"presence","users":"ann"}',
        '{"type":"typing","username":"ann","isTyping":"no"}',
    ],
)
def test_a_frame_this_page_does_not_know_is_ignored_with_a_warning(page: Page, text: str) -> None:
    with page.expect_console_message() as said:
        assert _call(page, "wire", "decode", text) is None
    assert said.value.type == "warning"
    assert "was ignored" in said.value.text


def test_unknown_keys_of_a_frame_are_no_fault(page: Page) -> None:
    frame = _call(page, "wire", "decode", '{"type":"system","message":"hi","colour":"red"}')
    assert frame["message"] == "hi"


def test_a_moment_of_another_day_has_its_date(page: Page) -> None:
    labels = page.evaluate("""async () => {
      const { shortLabel } = await import("/static/js/times.js");
      const now = new Date(2026, 10, 24, 12, 0);
      return [new Date(2026, 10, 24, 9, 5), new Date(2026, 10, 23, 9, 5)]
        .map((moment) => shortLabel(moment, now));
    }""")
    assert labels == ["09:05", "23 Nov, 09:05"]


def test_a_long_conversation_forgets_its_oldest_rows(page: Page) -> None:
    shown = page.evaluate("""async () => {
      const { Conversation } = await import("/static/js/conversation.js");
      const log = document.createElement("div");
      const still = { follow() {}, added() {}, toEnd() {} };
      const conversation = new Conversation(log, still, () => false);
      for (let seq = 1; seq <= 1200; seq += 1) {
        conversation.add({ type: "message", id: `k-${seq}`, seq, username: "ann",
          message: `line ${seq}`, time: "10:00:00", ts: 1_700_000_000_000 + seq });
      }
      return [log.children.length, log.firstElementChild.textContent.includes("line 201"),
        log.firstElementChild.classList.contains("continued")];
    }""")
    assert shown == [1000, True, False]


def test_an_event_is_shown_once_however_often_it_comes(page: Page) -> None:
    shown = page.evaluate("""async () => {
      const { Conversation } = await import("/static/js/conversation.js");
      const still = { follow() {}, added() {}, toEnd() {} };
      const log = document.createElement("div");
      const conversation = new Conversation(log, still, () => false);
      const event = { type: "message", id: "k-1", seq: 1, username: "ann", message: "once",
        time: "10:00:00", ts: 1_700_000_000_000 };
      conversation.rebuild([event, event]);
      conversation.add(event);
      return log.querySelectorAll(".message").length;
    }""")
    assert shown == 1


def test_text_is_counted_in_code_points(page: Page) -> None:
    assert _call(page, "composer", "codePoints", "añ𝄞") == len("añ𝄞")
    assert _call(page, "composer", "codePoints", "") == 0
