"""Everybody comes back after a restart, and nobody is kept waiting for long."""

from pathlib import Path

import pytest

from tests.stress.load.returning import TEAM, come_back

ALL_IN_SECONDS = 15.0
P95_MS = 250
"""Issue 11: when the last client is in, and what the bystander's round trips stay under."""

GROWN_KIB = 48
"""The most memory of a client that is in, at the worst moment: twice what it takes when idle."""


@pytest.mark.load
@pytest.mark.timeout(300)
@pytest.mark.parametrize("rooms", ["teams", "one room"])
@pytest.mark.parametrize("count", [2_000, 10_000])
def test_everybody_is_in_again_soon_after_a_restart_and_a_bystander_chats_on(
    count: int, rooms: str, tmp_path: Path
) -> None:
    rooms_count = count // TEAM if rooms == "teams" else 1
    returned = come_back(count, rooms_count, f"sqlite:{tmp_path / 'chat.db'}")
    assert returned.failed == []
    assert len(returned.took) == count
    assert returned.bystander.refused == []
    assert returned.bystander.unready == 0
    assert returned.last <= ALL_IN_SECONDS
    assert returned.bystander.p95_ms <= P95_MS
    assert returned.bystander.grown_mib * 1024 <= GROWN_KIB * count
