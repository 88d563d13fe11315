"""The contract of a log: up to where each user has read."""

from tests.contracts.drafts import append, draft
from tests.contracts.logs import Open
from trio_chat.store.base import Commit, Mark


def told(commit: Commit) -> list[tuple[str, int]]:
    return sorted((mark.user, mark.seq) for mark in commit.grown)


async def test_a_mark_is_kept_for_its_room_and_its_user(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([], [Mark("general", "ann", 3), Mark("dev", "bob", 5)])
        assert await log.marks("general", ["ann", "bob"]) == {"ann": 3}
        assert await log.marks("dev", ["ann", "bob"]) == {"bob": 5}


async def test_a_mark_only_grows(open_log: Open) -> None:
    async with open_log() as log:
        for seq in (3, 2, 3, 5, 4):
            await log.append([], [Mark("general", "ann", seq)])
        assert await log.marks("general", ["ann"]) == {"ann": 5}


async def test_those_that_have_grown_are_told(open_log: Open) -> None:
    async with open_log() as log:
        first = [Mark("general", "ann", 3), Mark("general", "bob", 3), Mark("general", "cyd", 3)]
        assert told(await log.append([], first)) == [("ann", 3), ("bob", 3), ("cyd", 3)]
        then = [Mark("general", "ann", 4), Mark("general", "bob", 3), Mark("general", "cyd", 2)]
        assert told(await log.append([], then)) == [("ann", 4)]


async def test_nothing_read_is_no_mark(open_log: Open) -> None:
    async with open_log() as log:
        assert list((await log.append([], [Mark("general", "ann", 0)])).grown) == []
        assert await log.marks("general", ["ann"]) == {}


async def test_of_two_marks_of_one_user_the_higher_counts(open_log: Open) -> None:
    async with open_log() as log:
        commit = await log.append([], [Mark("general", "ann", 7), Mark("general", "ann", 5)])
        assert told(commit) == [("ann", 7)]
        assert await log.marks("general", ["ann"]) == {"ann": 7}


async def test_marks_go_with_the_events_of_a_batch(open_log: Open) -> None:
    async with open_log() as log:
        commit = await log.append([draft("a")], [Mark("general", "ann", 1)])
        assert (len(commit.outcomes), len(commit.grown)) == (1, 1)
        assert (await log.stands(["general"]))["general"].head == 1


async def test_marks_are_no_events(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([], [Mark("general", "ann", 3)])
        assert (await log.stands(["general"]))["general"].head == 0
        (event,) = await append(log, [draft("a")])
        assert event.seq == 1


async def test_nobody_asked_for_is_no_answer(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([], [Mark("general", "ann", 3)])
        assert await log.marks("general", []) == {}
        assert await log.marks("nowhere", ["ann"]) == {}


async def test_all_marks_of_a_room_are_those_of_all_its_users(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([], [Mark("general", "ann", 3), Mark("general", "bob", 2)])
        await log.append([], [Mark("general", "ann", 4), Mark("dev", "cyd", 5)])
        assert await log.all_marks("general", 2) == {"ann": 4, "bob": 2}
        assert await log.all_marks("general", 1) is None
        assert await log.all_marks("nowhere", 1) == {}
