"""Draws the main measures as bars, one for each server.

The SVG has the colours of the other pictures of the documentation, and its own styles for light
and dark, which also works in an `<img>`. Plotting libraries draw for one background, and bring
fonts, scripts or a hundred megabytes. The same figures make the same bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from tests.bench.collected import Collected
from tests.bench.contest import NAMES, label
from tests.bench.figures import Figures
from tests.bench.goals import CLOSED, FIXED, SMALL
from tests.bench.measures import ALONE, FIFTY
from tests.bench.servers import SERVERS

WIDTH = 760
MARGIN = 24
COLUMN = (WIDTH - MARGIN) // 2
"""From the left edge of a panel to that of the next."""

LABEL_END = 182
"""The right edge of the server names, within a panel."""

LONGEST = 96
"""The longest bar; its number stands to the right."""

LINE = 22
HEAD = 46
"""Height of a panel's heading."""

FAR = 4.0
"""A bar this many times as long as the next is cut, to keep the others comparable."""

CUT_SHARE = 1.25
"""The length of a cut bar, relative to the next."""

STYLE = """\
    text { font: 13px system-ui, sans-serif; fill: #1c2430 }
    .head { font-weight: 600; font-size: 14px }
    .small { font-size: 12px; fill: #4a5568 }
    .name { text-anchor: end }
    .ours { font-weight: 600 }
    .card { fill: #ffffff }
    .bar { fill: #8494ad }
    .key { fill: #2860b8 }
    .cut { stroke: #ffffff; stroke-width: 3 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6eaf2 }
      .small { fill: #b3bccb }
      .card { fill: #171b22 }
      .bar { fill: #64748f }
      .key { fill: #6ea8f7 }
      .cut { stroke: #171b22 }
    }"""

ABOUT = "Speed of trio_chat beside other WebSocket servers"
CUT_NOTE = "A broken bar is longer than there is room for."
LOST_NOTE = "* It lost deliveries, as when it drops a client whose queue is full."


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure in the picture.

    Attributes:
        what: The quantity, with its unit.
        better: The circumstances, and which direction is better.
        title: The title of the measure.
        figure: Returns the number.
        form: Its format.
    """

    what: str
    better: str
    title: str
    figure: Callable[[Figures], float | None]
    form: str


PANELS = (
    Panel(
        "Deliveries a second",
        f"{CLOSED}; more is better",
        CLOSED,
        lambda row: row.per_second,
        ",.0f",
    ),
    Panel("CPU µs a delivery", f"{SMALL}; less is better", SMALL, lambda row: row.cpu_us, ",.2f"),
    Panel(
        "Round trips a second",
        "one client alone; more is better",
        ALONE.title,
        lambda row: row.per_second,
        ",.0f",
    ),
    Panel("p99 latency, ms", f"{FIXED}; less is better", FIXED, lambda row: row.p99_ms, ",.2f"),
    Panel(
        "Acknowledgements a second",
        "50 senders; more is better",
        FIFTY.title,
        lambda row: row.per_second,
        ",.0f",
    ),
    Panel(
        "p99 of an acknowledgement, ms",
        "50 senders; less is better",
        FIFTY.title,
        lambda row: row.p99_ms,
        ",.2f",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One server in a panel."""

    server: str
    value: float
    shown: str


def picture(collected: Collected, rounds: int) -> str:
    """Return the whole SVG document, without panels that have no figures.

    Args:
        collected: All figures.
        rounds: The number of rounds.
    """
    panels = [(panel, rows) for panel in PANELS if (rows := _rows(panel, collected))]
    notes = list(_notes(panels))
    tops = [MARGIN]
    for first in range(0, len(panels), 2):
        most = max(len(rows) for _, rows in panels[first : first + 2])
        tops.append(tops[-1] + HEAD + LINE * most + MARGIN)
    height = tops[-1] + LINE * len(notes) + MARGIN // 2
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    named = 'role="img" aria-labelledby="title desc"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named}>',
        f'  <title id="title">{ABOUT}</title>',
        f'  <desc id="desc">{escape(_described(panels, notes, rounds))}</desc>',
        f"  <style>\n{STYLE}\n  </style>",
        f'  <rect class="card" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for number, (panel, rows) in enumerate(panels):
        x, y = MARGIN + number % 2 * COLUMN, tops[number // 2]
        parts += [f'  <g transform="translate({x} {y})">', *_drawn(panel, rows), "  </g>"]
    for number, note in enumerate(reversed(notes)):
        y = height - MARGIN // 2 - LINE * number - 6
        parts.append(f'  <text class="small" x="{MARGIN}" y="{y}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rows(panel: Panel, collected: Collected) -> list[Row]:
    """Return rows in the order of `NAMES`, so that each server has its place in every panel."""
    rows: list[Row] = []
    for server in NAMES:
        figures = collected.find(panel.title, server)
        if (value := panel.figure(figures)) is not None:
            star = " *" if figures.wrong else ""
            rows.append(Row(server, value, f"{value:{panel.form}}{star}"))
    return rows


def _drawn(panel: Panel, rows: list[Row]) -> Iterator[str]:
    yield f'    <text class="head" y="14">{escape(panel.what)}</text>'
    yield f'    <text class="small" y="32">{escape(panel.better)}</text>'
    end = _end(rows)
    for number, row in enumerate(rows):
        y = HEAD + LINE * number
        ours = row.server in SERVERS and SERVERS[row.server].is_ours
        length = round(LONGEST * min(row.value / end, 1), 1) if end else 0
        left, name = LABEL_END + 10, escape(label(row.server))
        yield f'    <text class="name{" ours" * ours}" x="{LABEL_END}" y="{y + 13}">{name}</text>'
        yield (
            f'    <rect class="{"key" if ours else "bar"}" x="{left}" y="{y + 2}"'
            f' width="{length:g}" height="15" rx="2"/>'
        )
        if row.value > end:
            yield f'    <path class="cut" d="M{left + LONGEST - 24} {y + 19}l6 -19"/>'
        kind = ' class="ours"' if ours else ""
        yield f'    <text{kind} x="{left + length + 6:g}" y="{y + 13}">{row.shown}</text>'


def _end(rows: list[Row]) -> float:
    """Return the value of a bar of full length."""
    *_, second, longest = [0.0, *sorted(row.value for row in rows)]
    return second * CUT_SHARE if second and longest > second * FAR else longest


def _notes(panels: list[tuple[Panel, list[Row]]]) -> Iterator[str]:
    if any(row.value > _end(rows) for _, rows in panels for row in rows):
        yield CUT_NOTE
    if any(row.shown.endswith("*") for _, rows in panels for row in rows):
        yield LOST_NOTE


def _described(panels: list[tuple[Panel, list[Row]]], notes: list[str], rounds: int) -> str:
    """Return the whole picture in words, for screen readers."""
    sentences = [f"Medians of {rounds} rounds on one machine."]
    for panel, rows in panels:
        listed = ", ".join(f"{label(row.server)} {row.shown}" for row in rows)
        sentences.append(f"{panel.what}, {panel.better}: {listed}.")
    return " ".join([*sentences, *notes])
