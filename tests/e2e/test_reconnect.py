"""Coming back after the connection was lost."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Lose, OpenChat
from tests.e2e.server import ChatServer
from tests.e2e.windows import Window

_COUNT_TIMERS = """
const pending = new Set();
const { setTimeout: set, clearTimeout: clear } = window;
window.setTimeout = (act, delay) => {
  const id = set(() => { pending.delete(id); act(); }, delay);
  pending.add(id);
  return id;
};
window.clearTimeout = (id) => { pending.delete(id); clear(id); };
window.pendingTimers = () => pending.size;
"""


def _count_timers(page: Page) -> None:
    page.add_init_script(_COUNT_TIMERS)


def _expect_timers(window: Window, count: int) -> None:
    window.page.wait_for_function("count => pendingTimers() === count", arg=count)


def test_a_window_comes_back_by_itself_after_a_restart(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    ann = open_chat(prepare=_count_timers).join("ann")
    ann.say("before")
    expect(ann.own).to_have_text(["before"])
    lose(server, ann)
    expect(ann.state).to_have_text("Not connected")
    ann.expect_open_sockets(0)
    _expect_timers(ann, 1)
    server.start()
    ann.expect_connected()
    expect(ann.bar).to_be_hidden()
    assert ann.open_sockets == 1
    _expect_timers(ann, 0)
    ann.say("after")
    expect(ann.own.filter(has_text="after")).to_have_count(1)
    expect(ann.notices.filter(has_text="ann has joined")).to_have_count(1)
    expect(ann.people).to_have_text(["ann"])


def test_impatience_makes_no_second_timer_and_no_second_socket(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    def prepare(page: Page) -> None:
        page.clock.install()
        _count_timers(page)

    ann = open_chat(prepare=prepare).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    lose(server, ann)
    for _ in range(3):
        ann.page.evaluate("""() => {
          for (let n = 0; n < 5; n += 1) {
            document.querySelector("#retry").click();
            dispatchEvent(new Event("online"));
          }
        }""")
        expect(ann.bar).to_contain_text("Reconnecting in")
        _expect_timers(ann, 1)
    assert len(ann.sockets) == 1 + 3  # the first, and one for each round
    server.start()
    ann.page.get_by_role("button", name="Try now").click()
    ann.expect_connected()
    assert ann.open_sockets == 1
    _expect_timers(ann, 0)


def _hold_clock(page: Page) -> None:
    """Let time pass only where the test says so, and make each delay the longest it can be."""
    page.clock.install()
    page.add_init_script("Math.random = () => 0.999999")


def _expect_wait(window: Window, seconds: int) -> None:
    expect(window.bar).to_contain_text(f"Reconnecting in {seconds} s")


def test_each_wait_ends_in_one_try_and_is_longer_than_the_one_before(
    open_chat: OpenChat, server: ChatServer, lose: Lose
) -> None:
    ann = open_chat(prepare=_hold_clock).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.page.clock.run_for(5_000)
    lose(server, ann)
    for tries, seconds in enumerate((1, 2, 4, 8, 16, 30, 30), 1):
        _expect_wait(ann, seconds)
        with ann.page.expect_websocket():
            ann.page.clock.fast_forward(seconds * 1_000)
        assert len(ann.sockets) == 1 + tries


@pytest.mark.parametrize(("held_ms", "seconds"), [(4_000, 2), (5_000, 1)])
def test_only_a_connection_that_held_begins_the_delays_anew(
    open_chat: OpenChat, server: ChatServer, lose: Lose, held_ms: int, seconds: int
) -> None:
    ann = open_chat(prepare=_hold_clock).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    ann.page.clock.run_for(5_000)
    lose(server, ann)
    _expect_wait(ann, 1)
    server.start()
    ann.page.clock.fast_forward(1_000)
    ann.expect_connected()
    ann.page.clock.run_for(held_ms)
    lose(server, ann)
    _expect_wait(ann, seconds)


def test_coming_online_ends_the_wait(open_chat: OpenChat, server: ChatServer, lose: Lose) -> None:
    ann = open_chat(prepare=lambda page: page.clock.install()).join("ann")
    ann.page.clock.pause_at("2100-01-01")
    lose(server, ann)
    server.start()
    ann.page.evaluate("() => { dispatchEvent(new Event('online')) }")
    ann.expect_connected()
