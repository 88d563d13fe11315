"""Three nodes stay one chat while nodes and services crash; the trial detects broken nodes.

``nox -s cluster`` runs the same trial for longer.
"""

from pathlib import Path

import pytest

from tests.stress.cluster.broken import program
from tests.stress.cluster.trial import Plan, trial
from tests.stress.torture.client import Pace
from tests.support.postgres import Cluster
from tests.support.redis import Redis

pytestmark = pytest.mark.timeout(600)

SEED = 63810
"""Its first seven faults: Redis, a node and PostgreSQL are killed, a node is cut off, a node dies
without Redis, nginx is killed, and an older copy of the database takes over."""

SHORT = Plan(SEED, seconds=6.0, clients=24, pace=Pace(0.3, 2.0), patience_seconds=3.0)
"""For nodes that never recover, because they are broken on purpose."""


async def test_acknowledged_messages_survive_crashes_once_and_in_order(
    cluster: Cluster, redis: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = await trial(Plan(SEED, seconds=40.0), cluster, redis, tmp_path)
    with capsys.disabled():
        print(f"\nseed {SEED}: {verdict}")
    assert verdict.is_clean, str(verdict)
    # A slow machine does not reach the later faults.
    assert verdict.faults.keys() >= {"Redis killed", "node killed", "PostgreSQL killed"}
    assert verdict.cuts > 50
    assert verdict.acknowledged == verdict.sent > 300
    assert verdict.delivered > 20 * verdict.sent


async def test_the_trial_detects_nodes_that_ignore_each_other(
    cluster: Cluster, redis: Redis, tmp_path: Path
) -> None:
    verdict = await trial(SHORT, cluster, redis, tmp_path, program("deaf"))
    assert verdict.reordered > 0, str(verdict)
    assert not verdict.is_clean


async def test_the_trial_detects_nodes_that_store_repeats(
    cluster: Cluster, redis: Redis, tmp_path: Path
) -> None:
    verdict = await trial(SHORT, cluster, redis, tmp_path, program("forgetful"))
    assert verdict.repeated > 0, str(verdict)
    assert not verdict.is_clean
