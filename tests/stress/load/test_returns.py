"""Thousands of clients return after a restart, and all join in time."""

from pathlib import Path

import pytest

from tests.stress.load.returning import TEAM, return_all

ALL_IN_SECONDS = 15.0
P95_MS = 250
"""Issue 11: the limits for the last client, and for the round trips of the bystander."""

GROWN_KIB = 48
"""The peak memory of a joined client: twice that of an idle one."""


@pytest.mark.load
@pytest.mark.timeout(300)
@pytest.mark.parametrize("rooms", ["teams", "one room"])
@pytest.mark.parametrize("count", [2_000, 10_000])
def test_all_clients_return_soon_after_a_restart_without_delay_for_a_bystander(
    count: int, rooms: str, tmp_path: Path
) -> None:
    rooms_count = count // TEAM if rooms == "teams" else 1
    returned = return_all(count, rooms_count, f"sqlite:{tmp_path / 'chat.db'}")
    assert returned.failed == []
    assert len(returned.took) == count
    assert returned.bystander.refused == []
    assert returned.bystander.unready == 0
    assert returned.last <= ALL_IN_SECONDS
    assert returned.bystander.p95_ms <= P95_MS
    assert returned.bystander.grown_mib * 1024 <= GROWN_KIB * count
