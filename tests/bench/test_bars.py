import pytest

from tests.bench.archive import JOIN, RESUME
from tests.bench.bars import CLOSED, FIXED, SMALL, Bar, bars
from tests.bench.collected import Collected
from tests.bench.measures import ALONE, IDLE, Figures
from tests.bench.servers import SERVERS
from tests.bench.table import report


def collected(**rates: float) -> Collected:
    found = Collected()
    for server, per_second in rates.items():
        found.add(server, {CLOSED: Figures(per_second=per_second)})
    return found


def bar(what: str) -> Bar:
    (found,) = (bar for bar in bars(go=True) if bar.what.startswith(what))
    return found


@pytest.mark.parametrize(("rate", "verdict"), [(60, "PASS"), (59, "SHORT")])
def test_a_rate_is_to_reach_its_share_of_the_floor(rate: float, verdict: str) -> None:
    floor = bars(go=True)[0]
    assert floor.line(collected(trio_chat=rate, floor=100))[-1] == verdict


@pytest.mark.parametrize(("rate", "verdict"), [(80, "PASS"), (79, "SHORT")])
def test_a_log_in_a_file_is_to_keep_its_share_of_the_fan_out(rate: float, verdict: str) -> None:
    line = bar(f"deliveries/s, {CLOSED}: log").line(collected(trio_chat=100, sqlite=rate))
    assert line[1:] == ["≥ 0.8", f"{rate / 100:.2f} ({rate} / 100)", verdict]


@pytest.mark.parametrize("title", [JOIN, RESUME])
@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("ms", "verdict"), [(20, "PASS"), (20.1, "SHORT")])
def test_the_past_is_to_be_there_in_time(title: str, server: str, ms: float, verdict: str) -> None:
    found = Collected()
    found.add(server, {title: Figures(p50_ms=ms, p99_ms=99)})
    assert bar(f"{title}: {SERVERS[server].label}").line(found)[-1] == verdict
    assert f"| {title} | {SERVERS[server].label} | {ms:.2f} | 99.00 |" in report(found, {}, 1, 2)


@pytest.mark.parametrize(("kib", "verdict"), [(40, "PASS"), (40.1, "SHORT")])
def test_memory_is_to_stay_under_its_bar(kib: float, verdict: str) -> None:
    found = Collected()
    found.add("trio_chat", {IDLE: Figures(kib_per_client=kib, joined_seconds=1)})
    assert bar("memory").line(found)[-1] == verdict


@pytest.mark.parametrize(
    ("cpu_us", "shown"),
    [(2.5, ["0.0758 (2.50 / 33.00 µs)", "PASS"]), (2.53, ["0.0767 (2.53 / 33.00 µs)", "SHORT"])],
)
def test_a_delivery_in_a_small_room_is_to_cost_its_share_of_plain_trio(
    cpu_us: float, shown: list[str]
) -> None:
    found = Collected()
    found.add("trio_chat", {SMALL: Figures(cpu_us=cpu_us)})
    found.add("plain_trio", {SMALL: Figures(cpu_us=33)})
    assert bar("CPU").line(found)[1:] == ["≤ 0.0758", *shown]


@pytest.mark.parametrize(("rate", "verdict"), [(750, "PASS"), (749, "SHORT")])
def test_round_trips_are_compared_whatever_the_other_drops_in_a_room(
    rate: float, verdict: str
) -> None:
    found = Collected()
    found.add("trio_chat", {ALONE.title: Figures(per_second=rate)})
    found.add(
        "go", {SMALL: Figures(per_second=1, wrong=900), ALONE.title: Figures(per_second=1000)}
    )
    assert bar("round trips").line(found)[-2:] == [f"{rate / 1000:.2f} ({rate} / 1,000)", verdict]


@pytest.mark.parametrize("title", [CLOSED, FIXED])
@pytest.mark.parametrize(("wrong", "verdict"), [(0, "PASS"), (1, "SHORT")])
def test_nothing_is_to_be_lost_in_the_big_room(title: str, wrong: int, verdict: str) -> None:
    lost = bar(f"lost, {title}")
    found = Collected()
    assert lost.line(found)[-1] == "not measured"
    found.add("trio_chat", {title: Figures(per_second=1, wrong=wrong)})
    found.add("trio_chat", {title: Figures(per_second=1)})
    assert lost.line(found)[1:] == ["≤ 0", str(wrong), verdict]


def test_without_go_the_bar_is_eight_times_websockets() -> None:
    line = bars(go=False)[1].line(collected(trio_chat=80, websockets=10))
    assert line[1:] == ["≥ 8", "8.00 (80 / 10)", "PASS"]


def test_a_bar_with_nothing_to_compare_with_says_so() -> None:
    assert bars(go=True)[0].line(collected(trio_chat=80))[-1] == "not measured"


def test_a_disturbed_round_does_not_count_beside_quiet_ones() -> None:
    found = collected(trio_chat=10)
    found.add("trio_chat", {CLOSED: Figures(per_second=2, others_share=1.5)})
    found.add("trio_chat", {CLOSED: Figures(per_second=20, others_share=0.1)})
    assert found.find(CLOSED, "trio_chat").per_second == 15


def test_what_was_lost_in_any_round_is_told() -> None:
    found = collected(trio_chat=10)
    found.add("trio_chat", {CLOSED: Figures(per_second=2, others_share=1.5, wrong=3)})
    assert found.lost("trio_chat") == 3
    assert found.lost("go") == 0


def test_the_report_says_why_a_server_was_not_measured() -> None:
    text = report(collected(trio_chat=10), {"go": "no `go` here"}, rounds=1, window_seconds=2)
    assert "Go, gorilla: not measured, no `go` here." in text
    assert "trio_chat / websockets" in text
