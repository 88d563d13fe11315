"""The clock of the loop does not count time in which the process did not run."""

import pytest

from trio_chat.clock import SLACK_SECONDS, RunningClock


class World:
    """A clock outside, and the clock of a loop that has begun."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = RunningClock(lambda: self.now)
        self.clock.start_clock()
        self.began = self.clock.current_time()

    @property
    def passed(self) -> float:
        """The time that the loop has seen."""
        return self.clock.current_time() - self.began

    def sleep(self, deadline: float) -> float:
        """Return the seconds for which a loop with a deadline after these seconds may sleep."""
        return self.clock.deadline_to_sleep_time(self.began + deadline)


@pytest.fixture
def world() -> World:
    return World()


def test_time_passes_while_the_loop_runs(world: World) -> None:
    for _ in range(100):
        world.now += SLACK_SECONDS
        world.clock.current_time()
    assert world.passed == 100 * SLACK_SECONDS


def test_time_passes_while_the_loop_sleeps(world: World) -> None:
    assert world.sleep(60) == 60
    world.now += 60 + SLACK_SECONDS
    assert world.passed == 60 + SLACK_SECONDS
    assert world.sleep(1000) == 940 - SLACK_SECONDS
    world.now += 10
    assert world.passed == 70 + SLACK_SECONDS


def test_after_a_stop_in_its_sleep_only_the_next_deadline_is_due(world: World) -> None:
    world.sleep(20)
    world.now += 180
    assert world.passed == 20 + SLACK_SECONDS
    assert world.sleep(60) == 40 - SLACK_SECONDS


def test_a_stop_at_work_costs_only_the_slack(world: World) -> None:
    world.sleep(20)
    world.now += 1
    world.clock.current_time()
    world.now += 180
    assert world.passed == 1 + SLACK_SECONDS


def test_the_loop_may_sleep_without_a_deadline(world: World) -> None:
    assert world.sleep(float("inf")) == float("inf")
    world.now += 100_000
    assert world.passed == 100_000


def test_a_past_deadline_does_not_shift_the_clock(world: World) -> None:
    assert world.sleep(-5) == -5
    world.now += SLACK_SECONDS
    assert world.passed == SLACK_SECONDS
