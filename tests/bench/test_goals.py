import pytest

from tests.bench.collected import Collected
from tests.bench.contest import label
from tests.bench.figures import Figures
from tests.bench.goals import CLOSED, FIXED, SMALL, Goal, goals
from tests.bench.measures import CONNECTED, JOINED
from tests.bench.table import report


def collected(title: str = CLOSED, **rates: float) -> Collected:
    found = Collected()
    for server, value in rates.items():
        found.add(server, {title: Figures(per_second=value, cpu_us=value, kib_per_client=value)})
    return found


def goal(what: str) -> Goal:
    (found,) = (goal for goal in goals() if goal.what.startswith(what))
    return found


@pytest.mark.parametrize(("rate", "verdict"), [(85, "PASS"), (84, "SHORT")])
def test_a_rate_must_reach_its_ratio(rate: float, verdict: str) -> None:
    found = collected(trio_chat=100, sqlite=rate)
    line = goal(f"{CLOSED}, a second: {label('sqlite')}").line(found)
    assert line[1:] == ["≥ 0.85", f"{rate / 100:.2f} ({rate} / 100)", verdict]


@pytest.mark.parametrize(("cpu", "verdict"), [(15, "PASS"), (15.1, "SHORT")])
def test_a_cost_must_keep_its_ratio(cpu: float, verdict: str) -> None:
    found = collected(JOINED, trio_chat=10, sqlite=cpu)
    line = goal(f"{JOINED}, CPU each: {label('sqlite')}").line(found)
    assert line[1:] == ["≤ 1.5", f"{cpu / 10:.2f} ({cpu:.1f} / 10.0 µs)", verdict]


def test_a_ratio_is_the_median_of_all_rounds() -> None:
    found = Collected()
    for number, (ours, theirs) in enumerate([(10, 10), (30, 20), (80, 100)]):
        found.add("trio_chat", {SMALL: Figures(per_second=ours)}, number)
        found.add("go", {SMALL: Figures(per_second=theirs)}, number)
    # Of the medians it would be 1.5.
    assert goal(f"{SMALL}, a second").line(found)[2] == "1.00 (30 / 20)"


def test_a_disturbed_round_gives_no_ratio() -> None:
    found = collected(SMALL, trio_chat=10, go=10)
    found.add("trio_chat", {SMALL: Figures(per_second=90)}, 1)
    found.add("go", {SMALL: Figures(per_second=10, others_share=1)}, 1)
    assert goal(f"{SMALL}, a second").line(found)[2].startswith("1.00 ")


def test_the_memory_of_tls_is_that_above_a_plain_connection() -> None:
    line = goal("memory of a connection, TLS").line(collected(CONNECTED, trio_chat=20, tls=37))
    assert line[1:] == ["≤ 17 KiB", "17.0 KiB (37.0 - 20.0)", "PASS"]


def test_the_report_compares_an_older_checkout() -> None:
    found = collected(JOINED, trio_chat=6, trio_chat_before=10, sqlite=9, sqlite_before=30)
    of_memory = goal(f"{JOINED}, CPU each: {label('sqlite')}").line(found, found.before())
    assert of_memory[2:] == ["1.50 (9.0 / 6.0 µs)", "3.00 (30.0 / 10.0 µs)", "PASS"]
    of_before = goal(f"{JOINED}, CPU each: {label('trio_chat')} /").line(found)
    assert of_before[2:] == ["0.60 (6.0 / 10.0 µs)", "PASS"]
    assert "| trio_chat, memory, before |" in report(found, {}, 1, 2, has_before=True)


@pytest.mark.parametrize("title", [CLOSED, FIXED])
@pytest.mark.parametrize(("wrong", "verdict"), [(0, "PASS"), (1, "SHORT")])
def test_trio_chat_must_lose_no_delivery(title: str, wrong: int, verdict: str) -> None:
    lost = goal(f"{title}, lost")
    found = Collected()
    assert lost.line(found)[-1] == "not measured"
    found.add("trio_chat", {title: Figures(per_second=1, wrong=wrong)})
    found.add("trio_chat", {title: Figures(per_second=1)}, 1)
    assert lost.line(found)[1:] == ["≤ 0", str(wrong), verdict]


def test_a_disturbed_round_does_not_count() -> None:
    found = collected(trio_chat=10)
    found.add("trio_chat", {CLOSED: Figures(per_second=2, others_share=1.5)}, 1)
    found.add("trio_chat", {CLOSED: Figures(per_second=20, others_share=0.1)}, 2)
    assert found.find(CLOSED, "trio_chat").per_second == 15


def test_losses_of_a_disturbed_round_count() -> None:
    found = collected(trio_chat=10)
    found.add("trio_chat", {CLOSED: Figures(per_second=2, others_share=1.5, wrong=3)}, 1)
    assert found.lost("trio_chat") == 3
    assert found.lost("go") == 0


def test_the_report_explains_a_missing_server() -> None:
    text = report(collected(trio_chat=10), {"go": "no `go` here"}, rounds=1, window_seconds=2)
    assert "Go, gorilla: not measured, no `go` here." in text
