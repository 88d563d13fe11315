import re
from xml.etree.ElementTree import Element, fromstring

from tests.bench.collected import Collected
from tests.bench.figures import Figures
from tests.bench.goals import CLOSED, FIXED, SMALL
from tests.bench.measures import ALONE
from tests.bench.picture import CUT_NOTE, LOST_NOTE, picture

SVG = "{http://www.w3.org/2000/svg}"


def collected(title: str, **values: float) -> Collected:
    found = Collected()
    for server, value in values.items():
        found.add(server, {title: Figures(per_second=value, cpu_us=value, p99_ms=value)})
    return found


def drawn(found: Collected) -> Element:
    return fromstring(picture(found, rounds=3))  # noqa: S314 - it has just been made here


def texts(root: Element) -> list[str]:
    return [each.text or "" for each in root.iter(f"{SVG}text")]


def widths(root: Element) -> list[float]:
    return [float(bar.attrib["width"]) for bar in root.findall(f"{SVG}g/{SVG}rect")]


def test_each_server_has_a_bar_and_a_number() -> None:
    root = drawn(collected(CLOSED, trio_chat=50_000, go=100_000))
    ours, gos = widths(root)
    assert ours * 2 == gos
    assert texts(root)[2:] == ["trio_chat, memory", "50,000", "Go, gorilla", "100,000"]


def test_each_measure_has_a_panel() -> None:
    found = Collected()
    assert drawn(found).findall(f"{SVG}g") == []
    for number, title in enumerate((CLOSED, SMALL, ALONE.title, FIXED)):
        found.add("trio_chat", {title: Figures(per_second=1, cpu_us=1, p99_ms=1)})
        assert len(drawn(found).findall(f"{SVG}g")) == number + 1


def test_an_extreme_bar_is_cut_with_a_note() -> None:
    root = drawn(collected(FIXED, trio_chat=10, go=12, plain_trio=1900))
    ours, gos, plain = widths(root)
    assert 0.5 < ours / plain < gos / plain < 1
    assert len(root.findall(f"{SVG}g/{SVG}path")) == 1
    assert CUT_NOTE in texts(root)


def test_lost_deliveries_are_marked() -> None:
    found = collected(SMALL, trio_chat=5)
    assert LOST_NOTE not in texts(drawn(found))
    found.add("go", {SMALL: Figures(per_second=1, cpu_us=9, wrong=7)})
    assert {"5.00", "9.00 *", LOST_NOTE} <= set(texts(drawn(found)))


def test_the_description_has_all_figures() -> None:
    root = drawn(collected(CLOSED, trio_chat=50_000, go=100_000))
    labels = root.attrib["aria-labelledby"].split()
    title, description = (root.find(f"{SVG}*[@id='{label}']") for label in labels)
    assert title is not None
    assert title.text
    assert description is not None
    assert "trio_chat, memory 50,000, Go, gorilla 100,000." in (description.text or "")


def test_the_picture_loads_nothing_and_has_a_dark_style() -> None:
    text = picture(collected(CLOSED, trio_chat=1), rounds=3)
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|@font-face|href|<script", text)
    assert "@media (prefers-color-scheme: dark)" in text
