"""Runs axe, a checker of accessibility, on a page."""

from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[1] / "js/node_modules/axe-core/axe.min.js"

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

REPEATED = [".person:nth-child(n+5)", ".message:nth-last-child(n+15)"]
"""Rows like others: once in one colour scheme is enough for them."""

_RUN = """async ([runOnly, exclude]) => {
  const quick = { preload: false, iframes: false, resultTypes: ["violations"] };
  const { violations } = await axe.run({ exclude }, { ...quick, runOnly });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}"""


def violations(page: Page) -> list[str]:
    """Return what breaks WCAG 2.2 AA or a best practice, and the contrast of the other scheme.

    A page with a frame is checked inside the frame.

    Raises:
        AssertionError: axe is not installed. A skipped test would look green.
    """
    assert SCRIPT.exists(), f"no {SCRIPT}: run `npm ci` in tests/js"
    frame = page.frames[-1]
    frame.evaluate(SCRIPT.read_text(encoding="utf-8"))
    found: list[str] = frame.evaluate(_RUN, [{"type": "tag", "values": RULES}, []])
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if is_dark else "dark")
    found += frame.evaluate(_RUN, [{"type": "rule", "values": ["color-contrast"]}, REPEATED])
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    return found
