"""The server loses no acknowledged message, and the trial detects a server that does."""

from pathlib import Path

import pytest

from tests.stress.torture.__main__ import LOSSY
from tests.stress.torture.trial import Plan, torture

# Ten starts of a server on a busy machine.
pytestmark = pytest.mark.timeout(300)

SEED = 20261124


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty durable store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/chat.db"
    return str(request.getfixturevalue("cluster").fresh_url())


async def test_acknowledged_messages_survive_cuts_and_kills_once_and_in_order(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = tmp_path / "stderr"
    replacements = 2 if store.startswith("sqlite:") else 0
    verdict = await torture(Plan(SEED, replacements=replacements), store, stderr)
    with capsys.disabled():
        print(f"\nseed {SEED}, {store.partition(':')[0]}: {verdict}")
    assert verdict.is_clean, stderr.read_text(errors="replace")[-5000:]
    # The faults took place, and clients sent.
    assert verdict.faults == {"killed": 10, "replaced": replacements}
    assert verdict.cuts > 20
    assert verdict.dups > 0
    assert verdict.acknowledged == verdict.sent > 100
    assert "Traceback" not in stderr.read_text(errors="replace")


async def test_the_trial_detects_a_store_that_loses_commits(tmp_path: Path) -> None:
    plan = Plan(SEED, clients=6, kills=1, least_seconds=2.0, most_seconds=3.0)
    verdict = await torture(plan, f"sqlite:{tmp_path}/chat.db", tmp_path / "stderr", LOSSY)
    assert verdict.lost > 0, str(verdict)
    assert verdict.unstored > 0, str(verdict)
    assert not verdict.is_clean
