"""The profiles of hypothesis, and the services that many tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import postgres
from tests.support import redis as redises

# HYPOTHESIS_PROFILE selects one. None has deadlines, because a shared machine is slow at times.
# dev: a few new examples at each run.
settings.register_profile("dev", deadline=None, max_examples=50)
# ci: the same examples at each run, so that only a change can turn a build red.
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
# fuzz: many new examples; the fuzz session repeats it until its time is up.
settings.register_profile(
    "fuzz", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL server that starts with the first test that needs it."""
    with postgres.running() as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[redises.Redis]:
    """A Redis server. A test that stops it starts it again."""
    with redises.running() as running:
        yield running
