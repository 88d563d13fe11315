"""The detection of a proxy that cuts idle connections."""

from collections.abc import Iterable

import pytest

from trio_chat.cuts import CUTS, CutDetector


def reported(ages: Iterable[float], *, every: float = 7.0, ping: float = 30.0) -> list[float]:
    """Return the reports of a detector after cuts at these ages."""
    detector = CutDetector(ping)
    reports = [detector.cut(age, at * every) for at, age in enumerate(ages)]
    return [age for age in reports if age is not None]


def test_cuts_at_one_age_are_reported_once() -> None:
    assert reported([20.0, 20.1] * CUTS) == [20.0]


def test_one_cut_less_is_not_reported() -> None:
    assert reported([20.0] * (CUTS - 1)) == []


def test_cuts_before_it_do_not_hide_it() -> None:
    assert reported([3.0, 300.0, *[20.0] * CUTS]) == [20.0]


@pytest.mark.parametrize(
    "ages",
    [
        pytest.param([20.0 + 0.2 * n for n in range(3 * CUTS)], id="different ages"),
        pytest.param([61.0] * 3 * CUTS, id="older than two pings"),
        pytest.param([0.1] * 3 * CUTS, id="closed at once"),
    ],
)
def test_other_cuts_are_not_reported(ages: list[float]) -> None:
    assert reported(ages) == []


def test_many_cuts_at_one_moment_are_one_event() -> None:
    assert reported([20.0] * 3 * CUTS, every=0.01) == []
