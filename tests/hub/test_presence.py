from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.hub.presence import Presence
from trio_chat.protocol.names import prepare_name

NAMES = ["Ann", "ann", "ANN", "bob", "Bob", "\u00c4rger", "zoe"]


@given(
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from(NAMES)), max_size=40),
    first=st.integers(0, 5),
)
def test_presence_lists_each_connected_user_once_and_in_order(
    steps: list[tuple[bool, str]], first: int
) -> None:
    presence = Presence()
    connections: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for arrives, raw in steps:
        name = prepare_name(raw)
        if arrives:
            assert presence.arrive(name, "stay") is not bool(connections[name.key])
            if not connections[name.key]:
                shown[name.key] = raw
            connections[name.key] += 1
        elif connections[name.key]:
            connections[name.key] -= 1
            assert presence.depart(name.key) is not bool(connections[name.key])
            if not connections[name.key]:
                user = presence.remove(name.key)
                assert (user.session, user.name.shown) == ("stay", shown[name.key])
        there = sorted(shown[key] for key, count in connections.items() if count)
        assert len(presence) == len(there)
        assert presence.first(first) == tuple(there[:first])
        assert all(presence.shown(key) == shown[key] for key in +connections)
