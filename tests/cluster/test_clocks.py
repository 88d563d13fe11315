"""Reports of clocks that differ. A late envelope is no slow clock."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.hub.scene import WALL_MS
from trio_chat.cluster import clocks as clocks_module
from trio_chat.cluster.clocks import FORGET_SECONDS, LATE_SECONDS, MOST_SECONDS, Clocks
from trio_chat.cluster.envelope import Envelope

Lines = list[dict[str, object]]


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(lambda: WALL_MS)


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured  # type: ignore[misc]


def receive(clocks: Clocks, seconds: float, now: float, node: str = "n") -> None:
    """Receive an envelope of a node whose clock is ahead by this many seconds."""
    clocks.compare(Envelope(node, 1, (), "e", WALL_MS + round(1000 * seconds)), now)


def test_a_fast_clock_is_logged_once(clocks: Clocks, lines: Lines) -> None:
    receive(clocks, MOST_SECONDS, 0)
    assert lines == []
    for now, seconds in enumerate([6, 7, 0, 8]):
        receive(clocks, seconds, now)
    assert [(line["event"], line["other_node"], line["seconds"]) for line in lines] == [
        ("clocks of nodes differ", "n", 6.0),
        ("clocks of nodes differ", "n", 8.0),
    ]
    receive(clocks, 1, 3, "o")
    assert clocks.largest_difference() == 8


def test_one_late_envelope_is_no_slow_clock(clocks: Clocks, lines: Lines) -> None:
    for now in range(0, 200, 20):
        receive(clocks, -60, now)
        receive(clocks, -1, now + 1)
    assert lines == []
    assert clocks.largest_difference() == 1


def test_a_clock_that_stays_slow_is_logged(clocks: Clocks, lines: Lines) -> None:
    receive(clocks, -6, 0)
    assert (lines, clocks.largest_difference()) == ([], 0)
    receive(clocks, -6, LATE_SECONDS)
    assert [line["seconds"] for line in lines] == [-6.0]
    assert clocks.largest_difference() == 6


def test_a_node_that_is_silent_is_forgotten(clocks: Clocks) -> None:
    assert clocks.largest_difference() == 0
    receive(clocks, 9, 1)
    receive(clocks, 0, FORGET_SECONDS, "o")
    assert clocks.largest_difference() == 9
    receive(clocks, 0, 2 * FORGET_SECONDS, "o")
    assert clocks.largest_difference() == 0


def test_the_number_of_clocks_is_bounded(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks_module, "_MOST_NODES", 1)
    receive(clocks, 0, 0)
    receive(clocks, 9, 0, "o")
    assert clocks.largest_difference() == 0
