"""The contract of a store: up to where each user has read."""

from tests.contracts.drafts import append, draft
from tests.contracts.stores import Open
from trio_chat.store.base import Commit, ReadMarker


def told(commit: Commit) -> list[tuple[str, int]]:
    return sorted((mark.user, mark.seq) for mark in commit.grown)


async def test_a_mark_is_kept_for_its_room_and_its_user(open_store: Open) -> None:
    async with open_store() as store:
        await store.append([], [ReadMarker("general", "ann", 3), ReadMarker("dev", "bob", 5)])
        assert await store.marks("general", ["ann", "bob"]) == {"ann": 3}
        assert await store.marks("dev", ["ann", "bob"]) == {"bob": 5}


async def test_a_mark_only_grows(open_store: Open) -> None:
    async with open_store() as store:
        for seq in (3, 2, 3, 5, 4):
            await store.append([], [ReadMarker("general", "ann", seq)])
        assert await store.marks("general", ["ann"]) == {"ann": 5}


async def test_those_that_have_grown_are_told(open_store: Open) -> None:
    async with open_store() as store:
        first = [
            ReadMarker("general", "ann", 3),
            ReadMarker("general", "bob", 3),
            ReadMarker("general", "cyd", 3),
        ]
        assert told(await store.append([], first)) == [("ann", 3), ("bob", 3), ("cyd", 3)]
        then = [
            ReadMarker("general", "ann", 4),
            ReadMarker("general", "bob", 3),
            ReadMarker("general", "cyd", 2),
        ]
        assert told(await store.append([], then)) == [("ann", 4)]


async def test_nothing_read_is_no_mark(open_store: Open) -> None:
    async with open_store() as store:
        assert list((await store.append([], [ReadMarker("general", "ann", 0)])).grown) == []
        assert await store.marks("general", ["ann"]) == {}


async def test_of_two_marks_of_one_user_the_higher_counts(open_store: Open) -> None:
    async with open_store() as store:
        commit = await store.append(
            [], [ReadMarker("general", "ann", 7), ReadMarker("general", "ann", 5)]
        )
        assert told(commit) == [("ann", 7)]
        assert await store.marks("general", ["ann"]) == {"ann": 7}


async def test_marks_go_with_the_events_of_a_batch(open_store: Open) -> None:
    async with open_store() as store:
        commit = await store.append([draft("a")], [ReadMarker("general", "ann", 1)])
        assert (len(commit.outcomes), len(commit.grown)) == (1, 1)
        assert (await store.positions(["general"]))["general"].head == 1


async def test_marks_are_no_events(open_store: Open) -> None:
    async with open_store() as store:
        await store.append([], [ReadMarker("general", "ann", 3)])
        assert (await store.positions(["general"]))["general"].head == 0
        (event,) = await append(store, [draft("a")])
        assert event.seq == 1


async def test_nobody_asked_for_is_no_answer(open_store: Open) -> None:
    async with open_store() as store:
        await store.append([], [ReadMarker("general", "ann", 3)])
        assert await store.marks("general", []) == {}
        assert await store.marks("nowhere", ["ann"]) == {}


async def test_all_marks_of_a_room_are_those_of_all_its_users(open_store: Open) -> None:
    async with open_store() as store:
        await store.append([], [ReadMarker("general", "ann", 3), ReadMarker("general", "bob", 2)])
        await store.append([], [ReadMarker("general", "ann", 4), ReadMarker("dev", "cyd", 5)])
        assert await store.all_marks("general", 2) == {"ann": 4, "bob": 2}
        assert await store.all_marks("general", 1) is None
        assert await store.all_marks("nowhere", 1) == {}
