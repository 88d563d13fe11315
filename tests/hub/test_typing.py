from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.hub.ephemeral import TYPING_SECONDS, Throttle, Typing
from trio_chat.hub.presence_notifier import LARGE_TYPING_SECONDS

KEYS = ["ann", "bob", "cid"]
Steps = list[tuple[str, str, float]]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "end", "wait"]), st.sampled_from(KEYS), st.floats(0.0, 4.0)
    ),
    max_size=30,
)


class Member:
    """A member of a room, with the users who type as far as it knows."""

    def __init__(self) -> None:
        self.typists: set[str] = set()

    def receive(self, changes: Sequence[tuple[str, bool]]) -> None:
        """Apply changes, none of which is known already."""
        for shown, is_typing in changes:
            assert (shown in self.typists) is not is_typing
            self.typists ^= {shown}


def step(typing: Typing, until: dict[str, float], what: str, key: str, now: float) -> set[str]:
    """Take a step, and return the users who type by the rule of six seconds."""
    if what == "begin":
        typing.begin(key, key.title(), now)
        until[key] = now + TYPING_SECONDS
    elif what == "end":
        typing.end(key)
        until.pop(key, None)
    typing.expire(now)
    return {key.title() for key, end in until.items() if now < end}


@given(steps=STEPS)
def test_members_know_at_any_time_who_types(steps: Steps) -> None:
    typing, member, until, now = Typing(), Member(), dict[str, float](), 0.0
    for what, key, seconds in steps:
        now += seconds
        typists = step(typing, until, what, key, now)
        member.receive(typing.take_changes(only_one=False))
        assert member.typists == typists


@given(steps=STEPS)
def test_a_large_room_receives_one_change_a_second_and_all_in_the_end(steps: Steps) -> None:
    typing, member, until, now = Typing(), Member(), dict[str, float](), 0.0
    throttle, sent_at = Throttle[str](LARGE_TYPING_SECONDS), list[float]()
    wait = ("wait", "ann", LARGE_TYPING_SECONDS)
    typists = set[str]()
    for what, key, seconds in [*steps, *[wait] * (2 * len(KEYS) + int(TYPING_SECONDS))]:
        now += seconds
        typists = step(typing, until, what, key, now)
        if throttle.is_due("typing", now):
            changes = typing.take_changes(only_one=True)
            assert len(changes) <= 1
            member.receive(changes)
            if changes:
                throttle.note("typing", now)
                sent_at.append(now)
    assert member.typists == typists
    assert all(
        later - earlier > LARGE_TYPING_SECONDS - 1e-6 for earlier, later in pairwise(sent_at)
    )
