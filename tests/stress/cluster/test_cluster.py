"""Three nodes stay one chat while nodes and services die; the checker finds nodes that are not.

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
"""For nodes of which it is known that they will never be well."""


async def test_what_was_acknowledged_is_there_once_and_in_order_whatever_dies_and_comes_back(
    cluster: Cluster,
    redis: Redis,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = await trial(Plan(SEED, seconds=40.0), cluster, redis, tmp_path)
    with capsys.disabled():
        print(f"\nseed {SEED}: {verdict}")
    assert verdict.is_clean, str(verdict)
    # On a slow machine the later faults do not take place.
    assert verdict.faults.keys() >= {"Redis killed", "node killed", "PostgreSQL killed"}
    assert verdict.cuts > 50
    assert verdict.acknowledged == verdict.sent > 300
    assert verdict.delivered > 20 * verdict.sent


async def test_nodes_that_do_not_hear_each_other_nor_look_are_found_out(
    cluster: Cluster, redis: Redis, tmp_path: Path
) -> None:
    verdict = await trial(SHORT, cluster, redis, tmp_path, program("deaf"))
    assert verdict.reordered > 0, str(verdict)
    assert not verdict.is_clean


async def test_nodes_that_take_a_repeat_for_something_new_are_found_out(
    cluster: Cluster, redis: Redis, tmp_path: Path
) -> None:
    verdict = await trial(SHORT, cluster, redis, tmp_path, program("forgetful"))
    assert verdict.repeated > 0, str(verdict)
    assert not verdict.is_clean
