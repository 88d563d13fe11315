"""The clock of the loop does not count time in which the process did not run."""

import pytest

from trio_chat.clock import SLACK_SECONDS, RunningClock


class World:
    """Time as it passes outside."""

    now = 1000.0

    def __call__(self) -> float:
        """Give it."""
        return self.now


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock(world: World) -> RunningClock:
    made = RunningClock(world)
    made.start_clock()
    return made


def test_time_passes_while_the_loop_runs(world: World, clock: RunningClock) -> None:
    began = clock.current_time()
    for _ in range(100):
        world.now += SLACK_SECONDS
        clock.current_time()
    assert clock.current_time() - began == 100 * SLACK_SECONDS


def test_time_passes_while_the_loop_sleeps(world: World, clock: RunningClock) -> None:
    began = clock.current_time()
    assert clock.deadline_to_sleep_time(began + 60) == 60
    world.now += 60 + SLACK_SECONDS
    assert clock.current_time() - began == 60 + SLACK_SECONDS
    assert clock.deadline_to_sleep_time(began + 1000) == 940 - SLACK_SECONDS
    world.now += 10
    assert clock.current_time() - began == 70 + SLACK_SECONDS


def test_after_a_stop_in_its_sleep_only_the_next_deadline_is_due(
    world: World, clock: RunningClock
) -> None:
    began = clock.current_time()
    clock.deadline_to_sleep_time(began + 20)
    world.now += 180
    assert clock.current_time() - began == 20 + SLACK_SECONDS
    assert clock.deadline_to_sleep_time(began + 60) == 40 - SLACK_SECONDS


def test_a_stop_at_work_costs_only_the_slack(world: World, clock: RunningClock) -> None:
    began = clock.current_time()
    clock.deadline_to_sleep_time(began + 20)
    world.now += 1
    clock.current_time()
    world.now += 180
    assert clock.current_time() - began == 1 + SLACK_SECONDS


def test_the_loop_may_sleep_without_a_deadline(world: World, clock: RunningClock) -> None:
    began = clock.current_time()
    assert clock.deadline_to_sleep_time(float("inf")) == float("inf")
    world.now += 100_000
    assert clock.current_time() - began == 100_000


def test_a_past_deadline_does_not_shift_the_clock(world: World, clock: RunningClock) -> None:
    began = clock.current_time()
    assert clock.deadline_to_sleep_time(began - 5) == -5
    world.now += SLACK_SECONDS
    assert clock.current_time() - began == SLACK_SECONDS
