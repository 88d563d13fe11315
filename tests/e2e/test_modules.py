"""The parts of the pages that compute something, called by themselves."""

from typing import Any

import pytest
from playwright.sync_api import Page


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
          return [0, 0.5, 0.999999].map((random) => backoffDelayMs(random, failures));
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
        '{"type":"presence","room":"general","online":"ann","offline":[]}',
        '{"type":"typing","room":"general","username":"ann","isTyping":"no"}',
        '{"type":"joined","room":"general","epoch":"k","head":1,"history":[]}',
    ],
)
def test_a_frame_this_page_does_not_know_is_ignored_with_a_warning(page: Page, text: str) -> None:
    with page.expect_console_message() as said:
        assert _call(page, "wire", "decode", text) is None
    assert said.value.type == "warning"
    assert "was ignored" in said.value.text


def test_unknown_keys_of_a_frame_are_no_fault(page: Page) -> None:
    frame = _call(page, "wire", "decode", '{"type":"ack","ref":"r","colour":"red"}')
    assert frame["ref"] == "r"


def test_what_is_not_whole_is_left_out_of_a_history(page: Page) -> None:
    text = """{"type":"history","room":"general","history":[{"type":"message","id":"a"},
      {"type":"system","id":"b","seq":2,"room":"general","message":"ann has joined"}]}"""
    frame = _call(page, "wire", "decode", text)
    assert [event["id"] for event in frame["history"]] == ["b"]


@pytest.mark.parametrize(
    ("text", "name"),
    [(" #Dev ", "dev"), ("a.b_c-9", "a.b_c-9"), ("x" * 64, "x" * 64)]
    + [(bad, "") for bad in ("", "#", "-a", "a b", "ä", "x" * 65)],
)
def test_the_name_of_a_room_is_taken_as_it_is_meant(page: Page, text: str, name: str) -> None:
    assert _call(page, "wire", "roomName", text) == name


def test_a_moment_of_another_day_has_its_date(page: Page) -> None:
    labels = page.evaluate("""async () => {
      const { shortLabel } = await import("/static/js/times.js");
      const now = new Date(2026, 10, 24, 12, 0);
      return [new Date(2026, 10, 24, 9, 5), new Date(2026, 10, 23, 9, 5)]
        .map((moment) => shortLabel(moment, now));
    }""")
    assert labels == ["09:05", "23 Nov, 09:05"]


@pytest.mark.parametrize(
    ("names", "line"),
    [([], ""), (["ann"], "ann is typing…"), (["ann", "bob"], "2 people are typing…")],
)
def test_several_who_type_are_counted(page: Page, names: list[str], line: str) -> None:
    assert _call(page, "typing", "typingLine", names) == line


def test_text_is_counted_in_code_points(page: Page) -> None:
    assert _call(page, "composer", "codePoints", "añ𝄞") == len("añ𝄞")
    assert _call(page, "composer", "codePoints", "") == 0


@pytest.mark.parametrize("way", ["hold", "added", "follow"])
def test_what_comes_before_the_page_has_heard_of_a_scroll_does_not_undo_it(
    page: Page, way: str
) -> None:
    tops = page.evaluate(
        """async (way) => {
          const { FollowingScroll } = await import("/static/js/scroll.js");
          const box = document.createElement("div");
          box.style = "height: 100px; overflow: auto";
          const line = () => Object.assign(document.createElement("p"), { textContent: "line" });
          for (let count = 0; count < 20; count++) box.append(line());
          document.body.append(box);
          const scroll = new FollowingScroll(box);
          scroll.toEnd();
          const atEnd = box.scrollTop;
          // No frame comes between the two: it is all one task.
          box.scrollTop = 0;
          if (way === "hold") scroll.hold(() => box.append(line()));
          else scroll[way]();
          const left = box.scrollTop;
          box.remove();
          return [atEnd, left];
        }""",
        way,
    )
    assert tops[0] > 0
    assert tops[1] == 0
