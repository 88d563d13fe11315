"""The measure of several nodes, without the nodes."""

import time

from tests.bench.frames import MARK, own_mark
from tests.bench.hearing import Hearing, Way, compared
from tests.bench.load import TAIL_BYTES
from tests.bench.nodes import Listener, Parts, Row, report

TAIL = bytes(TAIL_BYTES)


def stamped(sender: int, age_us: int) -> bytes:
    return MARK + b"%016d" % (time.monotonic_ns() // 1000 - age_us) + own_mark(sender) + b"...."


def test_latencies_are_counted_by_the_node_of_the_sender() -> None:
    same: list[int] = []
    across: list[int] = []
    listener = Listener(1, lambda sender: sender % 3, same, across)
    listener(TAIL + stamped(4, 1000) + stamped(5, 2000) + stamped(0, 3000))
    assert len(same) == 1
    assert same[0] >= 1000
    assert [age // 1000 >= 2 for age in across] == [True, True]


def test_a_message_cut_in_two_by_a_read_counts_once() -> None:
    same: list[int] = []
    listener = Listener(0, lambda _: 0, same, [])
    whole = stamped(7, 0) + stamped(8, 0)
    listener(TAIL + whole[:40])
    listener(whole[40 - TAIL_BYTES : 40] + whole[40:])
    assert len(same) == 2


def test_the_cost_of_each_part_is_separate() -> None:
    taken = Parts([3.0, 5.0], 1.0, 7.0).since(Parts([1.0, 1.0], 0.5, 2.0))
    assert taken == Parts([2.0, 4.0], 0.5, 5.0)
    assert taken.total() == 11.5


def test_the_report_has_medians_and_the_sum_of_faults() -> None:
    rows = [
        Row(per_second, 10, 30, 5, 100, 0, same_ms=(1.0, 2.0), across_ms=None, wrong=1)
        for per_second in (50, 70, 60)
    ]
    ways = [[Way(500, Hearing(40, 90, 9.6))]]
    text = report({("own rooms", "x"): rows[:1], ("room", "3 nodes"): rows}, ways, 3, 5)
    room, own = text.index("| room |"), text.index("| own rooms |")
    assert room < own
    line = text[room : text.index("\n", room)]
    assert line == "| room | 3 nodes | 60 | 10 | 30 | 5 | 100 | 1.0 / 2.0 | - | 0.00 | 3 |"
    assert "| extra, one sender | 500 |" in text


def test_older_checkouts_compare_by_medians() -> None:
    before = [Way(extra, Hearing(400, 200, 50)) for extra in (1000, 4000, 2000)]
    after = [Way(500, Hearing(100, 100, 10))]
    table = compared([before, after])
    assert "| extra, one sender | 2,000 | 500 | 0.25 |" in table
    assert "| hearing one of many | 50 | 10 | 0.20 |" in table
