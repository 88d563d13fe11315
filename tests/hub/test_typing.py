"""Typing, at once or late in a large room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import Recorder, Scene, join, leave, stops, types
from trio_chat.hub.ephemeral import TYPING_SECONDS, Typing
from trio_chat.hub.users import LARGE_TYPING_SECONDS

KEYS = ["ann", "bob", "cid"]
Steps = list[tuple[str, str, float]]


@pytest.mark.parametrize("is_large", [False, True])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["begin", "end", "wait"]), st.sampled_from(KEYS), st.floats(0.0, 4.0)
        ),
        max_size=30,
    )
)
def test_members_know_who_types_at_once_or_late_in_a_large_room(
    steps: Steps, *, is_large: bool
) -> None:
    typing = Typing()
    until: dict[str, float] = {}
    known: set[str] = set()
    sent_at = [float("-inf")]
    now = 0.0
    last = [("wait", "ann", LARGE_TYPING_SECONDS)] * (2 * len(KEYS) + int(TYPING_SECONDS))
    for what, key, seconds in [*steps, *last]:
        now += seconds
        if what == "begin":
            typing.begin(key, key.title(), now)
            until[key] = now + TYPING_SECONDS
        elif what == "end":
            typing.end(key)
            until.pop(key, None)
        typing.expire(now)
        if is_large and now < sent_at[-1] + LARGE_TYPING_SECONDS:
            continue
        changes = typing.take_changes(only_one=is_large)
        for shown, is_typing in changes:
            assert (shown in known) is not is_typing
            known ^= {shown}
        assert len(changes) <= 1 or not is_large
        sent_at += [now] * bool(changes)
        assert is_large or known == {key.title() for key, end in until.items() if now < end}
    assert known == set()


@pytest.fixture
async def ann(scene: Scene) -> Recorder:
    return await scene.join("ann")


@pytest.fixture
async def bob(scene: Scene, ann: Recorder) -> Recorder:
    bob = await scene.join("bob")
    for member in (ann, bob):
        member.forget()
    return bob


async def test_all_members_receive_typing(scene: Scene, ann: Recorder, bob: Recorder) -> None:
    for request in (types(ann), types(ann), stops(ann), stops(ann)):
        await scene.ask(request)
    assert ann.got == bob.got == ["ann types", "ann stops"]


async def test_typing_ends_when_the_last_connection_leaves(
    scene: Scene, ann: Recorder, bob: Recorder
) -> None:
    other = await scene.join("ann")
    await scene.ask(types(ann), leave(ann))
    assert bob.got == ["ann types"]
    await scene.ask(leave(other))
    assert bob.got[1:] == ["ann stops", "3 * ann has left the chat", "[bob] 1"]


async def test_typing_has_the_name_first_given_and_stays_in_its_room(
    scene: Scene, ann: Recorder, bob: Recorder
) -> None:
    other = await scene.join("ANN")
    await scene.ask(join(other, "ANN", "dev"))
    await scene.ask(types(other))
    await scene.ask(types(other, "dev"))
    assert ann.got == bob.got == ["ann types"]


async def test_a_large_room_receives_one_change_of_typing_a_second(large: Scene) -> None:
    ann, bob, cid = await large.members("ann", "bob", "cid")
    cid.forget()
    await large.ask(types(ann), types(bob))
    assert cid.got == ["ann types"]
    await large.tick_after(0.99)
    assert cid.got == ["ann types"]
    await large.tick_after(0.01)
    assert cid.got == ["ann types", "bob types"]


async def test_a_large_room_receives_an_end_before_a_start(large: Scene) -> None:
    ann, bob, cid = await large.members("ann", "bob", "cid")
    await large.ask(types(ann), types(bob), stops(ann))
    await large.tick_after(1)
    await large.tick_after(1)
    assert cid.got == ["ann types", "ann stops", "bob types"]


async def test_typing_of_a_user_who_left_ends_in_a_large_room(large: Scene) -> None:
    ann, bob, _ = await large.members("ann", "bob", "cid")
    await large.join("dan")
    await large.ask(types(ann), leave(ann))
    await large.tick_after(1)
    assert bob.got == ["ann types", "ann stops"]
