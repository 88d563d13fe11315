"""A clock for tests that wait for a deadline while a real socket is open, and TLS on it."""

import pytest
import trio.testing

from tests.websocket import scene


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """Time that jumps to the next deadline, but not before the kernel has had time to deliver.

    With `autojump_clock` a deadline could win against bytes that are on their way.
    """
    return trio.testing.MockClock(autojump_threshold=0.02)


@pytest.fixture(params=scene.CARRIERS)
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test run on a bare socket, and once more on TLS."""
    monkeypatch.setattr(scene, "carrier", request.param)
