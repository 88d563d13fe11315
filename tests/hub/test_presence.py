"""The users of a room, and which members receive the list."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import Recorder, Scene, forget, join, say
from trio_chat.access.names import prepare_name
from trio_chat.hub.presence import Presence

NAMES = ["Ann", "ann", "ANN", "bob", "Bob", "\u00c4rger", "zoe"]


@given(
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES)), max_size=40),
    first=st.integers(0, 5),
)
def test_presence_lists_each_connected_user_once_and_by_code_point(
    steps: list[tuple[bool, str]], first: int
) -> None:
    presence = Presence()
    connections: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for arrives, raw in steps:
        name = prepare_name(raw)
        if arrives:
            assert presence.arrive(name, "session") is not bool(connections[name.key])
            if not connections[name.key]:
                shown[name.key] = raw
            connections[name.key] += 1
        elif connections[name.key]:
            connections[name.key] -= 1
            assert presence.depart(name.key) is not bool(connections[name.key])
            if not connections[name.key]:
                user = presence.remove(name.key)
                assert (user.session, user.name.shown) == ("session", shown[name.key])
        there = sorted(shown[key] for key, count in connections.items() if count)
        assert len(presence) == len(there)
        assert presence.first(first) == tuple(there[:first])
        assert all(presence.shown(key) == shown[key] for key in +connections)


async def test_each_new_connection_receives_the_presence_of_its_room(scene: Scene) -> None:
    await scene.join("ann")
    await scene.join("bob", room="dev")
    one, other, there = Recorder(), Recorder(), Recorder()
    await scene.ask(join(one, "ann"), join(other, "ann"), join(there, "bob", "dev"))
    assert (one.got, other.got, there.got) == (["[ann] 1"], ["[ann] 1"], ["[bob] 1"])


async def test_a_newcomer_receives_its_presence_after_the_messages_of_all(scene: Scene) -> None:
    ann, other = await scene.join("ann"), Recorder()
    await scene.ask(join(other, "ann"), say(ann, "hi"))
    assert other.got == ["2 ann: hi", "[ann] 1"]


async def fill(large: Scene) -> list[Recorder]:
    """Join with three users; the first two forget that."""
    members = [await large.join(name) for name in ("ann", "bob", "cid")]
    forget(*members[:2])
    return members


async def test_a_newcomer_in_a_large_room_receives_first_names_and_the_count(large: Scene) -> None:
    _, _, cid = await fill(large)
    assert cid.got == ["[ann bob] 3"]
    assert (await large.join("Zed")).got == ["[Zed ann] 4"]


async def test_a_large_room_receives_changed_presence_every_ten_seconds(large: Scene) -> None:
    ann, bob, cid = await fill(large)
    cid.forget()
    await large.tick_after(9.99)
    assert ann.got == bob.got == cid.got == []
    await large.tick_after(0.01)
    assert ann.got == bob.got == cid.got == ["[ann bob] 3"]
    await large.join("dan")
    await large.tick_after(9.99)
    assert ann.got == ["[ann bob] 3"]
    await large.tick_after(0.01)
    await large.tick_after(10)
    assert ann.got == ["[ann bob] 3", "[ann bob] 4"]


async def test_users_make_a_room_large_and_connections_do_not(large: Scene) -> None:
    ann, _, _ = [await large.join("ann") for _ in range(3)]
    ann.forget()
    await large.join("bob")
    assert ann.got == ["2 * bob has joined the chat", "[ann bob] 2"]
