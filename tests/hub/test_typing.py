from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.hub.typing import CROWD_SECONDS, TYPING_SECONDS, Typing

KEYS = ["ann", "bob", "cid"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end", "wait"]), st.sampled_from(KEYS), st.floats(0.0, 4.0)
    ),
    max_size=30,
)


class Listener:
    """A member of a room, who believes what is told."""

    def __init__(self) -> None:
        self.believed: set[str] = set()
        self.told_at: list[float] = []

    def hear(self, changes: Sequence[tuple[str, bool]], now: float) -> None:
        """Take in what is told; nothing is told that is believed already."""
        for shown, is_typing in changes:
            assert (shown in self.believed) is not is_typing
            self.believed ^= {shown}
        if changes:
            self.told_at.append(now)


class Typists:
    """The truth: who has said so within six seconds and nothing else since."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def step(self, what: str, key: str, now: float) -> None:
        """Let a user begin or end."""
        if what == "begin":
            self._until[key] = now + TYPING_SECONDS
        elif what == "end":
            self._until.pop(key, None)

    def at(self, now: float) -> set[str]:
        """Who types, in the encoding shown."""
        return {key.title() for key, until in self._until.items() if now < until}


def step(typing: Typing, what: str, key: str, now: float) -> None:
    if what == "begin":
        typing.begin(key, key.title(), now)
    elif what == "end":
        typing.end(key)
    typing.expire(now)


@given(steps=STEPS)
def test_in_a_room_all_know_at_any_time_who_types(steps: list[tuple[str, str, float]]) -> None:
    typing, listener, truth, now = Typing(), Listener(), Typists(), 0.0
    for what, key, seconds in steps:
        now += seconds
        step(typing, what, key, now)
        truth.step(what, key, now)
        listener.hear(typing.changes(now, crowd=False), now)
        assert listener.believed == truth.at(now)


@given(steps=STEPS)
def test_in_a_crowd_one_change_a_second_is_told_and_in_the_end_all_know(
    steps: list[tuple[str, str, float]],
) -> None:
    typing, listener, truth, now = Typing(), Listener(), Typists(), 0.0
    for what, key, seconds in steps:
        now += seconds
        step(typing, what, key, now)
        truth.step(what, key, now)
        changes = typing.changes(now, crowd=True)
        assert len(changes) <= 1
        listener.hear(changes, now)
    for _ in range(2 * len(KEYS) + int(TYPING_SECONDS)):
        now += CROWD_SECONDS
        typing.expire(now)
        listener.hear(typing.changes(now, crowd=True), now)
    assert listener.believed == truth.at(now)
    gaps = [later - earlier for earlier, later in pairwise(listener.told_at)]
    assert all(gap > CROWD_SECONDS - 1e-6 for gap in gaps)


def test_a_large_room_receives_a_change_at_once_after_a_second_without_one() -> None:
    typing = Typing()
    assert not typing.changes(0.9, crowd=True)
    typing.begin("a", "a", 1.0)
    typing.begin("b", "b", 1.0)
    assert typing.changes(1.0, crowd=True) == [("a", True)]
    assert not typing.changes(1.9, crowd=True)
    assert typing.changes(2.0, crowd=True) == [("b", True)]
    typing.end("a")
    typing.begin("c", "c", 3.0)
    typing.begin("d", "d", 3.0)
    assert typing.changes(3.0, crowd=True) == [("a", False)]
