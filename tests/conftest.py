"""Profiles of hypothesis, chosen by ``HYPOTHESIS_PROFILE``."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import postgres
from tests.support import redis as redises

# No deadlines: a shared machine is slow at times, and that is no failure of ours.
# dev: a few new examples at each run, for whoever waits for it.
settings.register_profile("dev", deadline=None, max_examples=50)
# ci: the same examples at each run, so that a red build is red for a reason.
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
# other: some of the same, on another Python than the main one.
settings.register_profile("other", deadline=None, max_examples=25, derandomize=True)
# fuzz: new ones, and many; the fuzz session repeats it until its time is up.
settings.register_profile(
    "fuzz", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL of our own, started when the first test asks for it."""
    with postgres.running() as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[redises.Redis]:
    """A Redis of our own. Who stops it starts it again."""
    with redises.running() as running:
        yield running
