"""The contract of a store: read markers."""

from tests.contracts.drafts import append, draft
from trio_chat.protocol.commands import ReadMarker
from trio_chat.store.base import Store


async def mark(
    store: Store, *seqs: tuple[str, int], room: str = "general"
) -> list[tuple[str, int]]:
    """Commit markers; return the user and seq of those that advanced."""
    commit = await store.append([], [ReadMarker(seq, room, user) for user, seq in seqs])
    return sorted((marker.user, marker.seq) for marker in commit.grown)


async def test_a_marker_belongs_to_one_room_and_one_user(store: Store) -> None:
    await mark(store, ("ann", 3))
    await mark(store, ("bob", 5), room="dev")
    assert await store.marks("general", ["ann", "bob"]) == {"ann": 3}
    assert await store.marks("dev", ["ann", "bob"]) == {"bob": 5}
    assert await store.marks("general", []) == {}
    assert await store.marks("nowhere", ["ann"]) == {}


async def test_a_marker_only_advances_and_the_store_reports_it(store: Store) -> None:
    first = [("ann", 3), ("bob", 3), ("cyd", 3)]
    assert await mark(store, *first) == first
    assert await mark(store, ("ann", 4), ("bob", 3), ("cyd", 2)) == [("ann", 4)]
    assert await store.marks("general", ["ann", "bob", "cyd"]) == {"ann": 4, "bob": 3, "cyd": 3}


async def test_the_highest_marker_of_a_batch_counts_if_it_is_above_zero(store: Store) -> None:
    assert await mark(store, ("ann", 7), ("ann", 5), ("bob", 0)) == [("ann", 7)]
    assert await store.marks("general", ["ann", "bob"]) == {"ann": 7}


async def test_markers_and_events_share_a_batch_but_not_the_numbers(store: Store) -> None:
    await mark(store, ("ann", 3))
    assert (await store.positions(["general"]))["general"].head == 0
    commit = await store.append([draft("a")], [ReadMarker(4, "general", "ann")])
    assert (len(commit.outcomes), len(commit.grown)) == (1, 1)
    assert [event.seq for event in await append(store, [draft("b")])] == [2]


async def test_all_marks_returns_the_markers_of_a_room_up_to_a_maximum(store: Store) -> None:
    await mark(store, ("ann", 4), ("bob", 2))
    await mark(store, ("cyd", 5), room="dev")
    assert await store.all_marks("general", 2) == {"ann": 4, "bob": 2}
    assert await store.all_marks("general", 1) is None
    assert await store.all_marks("nowhere", 1) == {}
