"""The contract of a log: what is sent again is not done again."""

import pytest

from tests.contracts.drafts import ANN, BOB, NOW_MS, append, delete, draft, edit, everything
from tests.contracts.logs import Open, Places
from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import Logged, Refused, Repeated
from trio_chat.store.sql.store import SqlLog

JUMP_MS = 25 * 3600 * 1000

FIRST = draft("a", author=ANN, ref="r")


async def test_a_repeat_is_answered_with_what_was_logged_then(open_log: Open) -> None:
    again = draft("a", author=ANN, ref="r", id="another id", ts=NOW_MS + 1)
    async with open_log() as log:
        await append(log, [draft("before"), FIRST])
        assert (await log.append([again])).outcomes == [Repeated(FIRST.id, 2)]
        assert (await log.stands(["general"]))["general"].head == 2


async def test_a_repeat_in_the_same_batch_is_one(open_log: Open) -> None:
    again = draft("a", author=ANN, ref="r", id="another id")
    async with open_log() as log:
        commit = await log.append([FIRST, draft("b"), again, draft("c")])
        assert commit.outcomes == [
            Logged(FIRST.numbered(1)),
            Logged(draft("b").numbered(2)),
            Repeated(FIRST.id, 1),
            Logged(draft("c").numbered(3)),
        ]


@pytest.mark.parametrize(
    "other",
    [
        draft("another text", author=ANN, ref="r"),
        draft("a", "dev", author=ANN, ref="r"),
        edit(FIRST.id, "a", ref="r"),
        delete(FIRST.id, ref="r"),
    ],
    ids=["text", "room", "edit", "delete"],
)
async def test_a_ref_that_stands_for_something_else_is_a_conflict(
    open_log: Open, other: Draft
) -> None:
    async with open_log() as log:
        await append(log, [FIRST])
        assert (await log.append([other])).outcomes == [Refused(ErrorCode.CONFLICT)]
        assert len(await everything(log)) == 1
        assert await everything(log, "dev") == []


async def test_a_draft_may_be_a_repeat_for_a_shorter_time_and_whatever_its_text(
    open_log: Open,
) -> None:
    def again(number: int, ref_ms: int) -> Draft:
        return draft(f"text {number}", author=ANN, ref="r", id=f"again {number}", ref_ms=ref_ms)

    async with open_log() as log:
        await append(log, [FIRST])
        assert (await log.append([again(1, 100_000)])).outcomes == [Repeated(FIRST.id, 1)]
        second = again(2, 0)
        assert (await log.append([second])).outcomes == [Logged(second.numbered(2))]
        assert (await log.append([again(3, 100_000)])).outcomes == [Repeated(second.id, 2)]


async def test_a_ref_is_new_when_something_is_logged_that_ends_it(open_log: Open) -> None:
    def used(number: int) -> Draft:
        return draft("a", author=ANN, ref="r", id=f"used {number}")

    def end(number: int) -> Draft:
        return draft(f"end {number}", author=ANN, ref=f"end {number}", ends="r")

    async with open_log() as log:
        one, two, three, last = used(1), used(2), used(3), used(4)
        assert len(await append(log, [one, end(1)])) == 2
        assert len(await append(log, [two])) == 1
        assert (await log.append([end(1), used(0)])).outcomes == [
            Repeated(end(1).id, 2),  # so it ends nothing
            Repeated(two.id, 3),
        ]
        assert len(await append(log, [end(2), three, end(3), last])) == 4
        assert (await log.append([used(0)])).outcomes == [Repeated(last.id, 7)]


async def test_a_conflict_in_the_same_batch_takes_no_number(open_log: Open) -> None:
    other = draft("b", author=ANN, ref="r")
    async with open_log() as log:
        commit = await log.append([FIRST, other, draft("c")])
        assert commit.outcomes == [
            Logged(FIRST.numbered(1)),
            Refused(ErrorCode.CONFLICT),
            Logged(draft("c").numbered(2)),
        ]


@pytest.mark.parametrize(
    "other",
    [
        draft("b", author=BOB, ref="r"),
        draft("b", author=Author("ann", "d-phone"), ref="r"),
        draft("b", author=Author("bob", "d-ann"), ref="r"),
        draft("b", author=ANN, ref="R"),
    ],
    ids=["somebody else", "another device", "another user of the device", "another ref"],
)
async def test_a_ref_is_of_one_device_of_one_user(open_log: Open, other: Draft) -> None:
    async with open_log() as log:
        await append(log, [FIRST])
        assert (await log.append([other])).outcomes == [Logged(other.numbered(2))]


@pytest.mark.parametrize(
    "author", [None, Author("ann", "")], ids=["without an author", "without a device"]
)
async def test_who_has_no_device_repeats_nothing(open_log: Open, author: Author | None) -> None:
    first, again = (draft("a", author=author, ref="r", id=name) for name in ("1", "2"))
    async with open_log() as log:
        assert len(await append(log, [first])) == 1
        assert len(await append(log, [again])) == 1


async def test_without_a_ref_nothing_is_a_repeat(open_log: Open) -> None:
    async with open_log() as log:
        for name in ("1", "2"):
            assert len(await append(log, [draft("a", author=ANN, id=name)])) == 1


async def test_a_ref_is_remembered_for_its_time_and_not_longer(places: Places) -> None:
    with places() as place:
        late, later, again = (
            draft("b", author=ANN, ref="r", id=name) for name in ("late", "later", "again")
        )
        async with place.open() as log:
            await append(log, [FIRST])
            place.wait(place.refs_seconds - 60)
            assert (await log.append([FIRST])).outcomes == [Repeated(FIRST.id, 1)]
            assert (await log.append([late])).outcomes == [Refused(ErrorCode.CONFLICT)]
            place.wait(60)
            assert (await log.append([later])).outcomes == [Logged(later.numbered(2))]
            assert (await log.append([again])).outcomes == [Repeated(later.id, 2)]


@pytest.mark.parametrize("jump_ms", [-JUMP_MS, JUMP_MS])
async def test_a_clock_on_the_wall_that_jumps_makes_no_ref_expire(
    open_log: Open, jump_ms: int
) -> None:
    again = draft("a", author=ANN, ref="r", id="again", ts=NOW_MS + jump_ms)
    async with open_log() as log:
        await append(log, [FIRST])
        await append(log, [draft("b", author=ANN, ref="s", ts=NOW_MS + jump_ms)])
        if isinstance(log, SqlLog):
            await log.prune()
        assert (await log.append([again])).outcomes == [Repeated(FIRST.id, 1)]


async def test_what_was_refused_may_be_sent_again(open_log: Open) -> None:
    async with open_log() as log:
        early = edit("id-general-a", "b", ref="r")
        assert (await log.append([early])).outcomes == [Refused(ErrorCode.NOT_FOUND)]
        await append(log, [draft("a", author=ANN)])
        assert (await log.append([early])).outcomes == [Logged(early.numbered(2))]


async def test_what_was_refused_leaves_its_ref_to_others_of_the_batch(open_log: Open) -> None:
    async with open_log() as log:
        commit = await log.append([edit("nothing", "b", ref="r"), FIRST])
        assert commit.outcomes == [Refused(ErrorCode.NOT_FOUND), Logged(FIRST.numbered(1))]


async def test_edits_and_deletions_are_repeated_too(open_log: Open) -> None:
    async with open_log() as log:
        await append(log, [draft("a", author=ANN)])
        changes = [edit("id-general-a", "b", ref="1"), delete("id-general-a", ref="2")]
        await append(log, changes)
        assert (await log.append(changes)).outcomes == [
            Repeated(changes[0].id, 2),
            Repeated(changes[1].id, 3),
        ]
        assert [event.kind for event in await everything(log)] == [
            Kind.MESSAGE,
            Kind.EDITED,
            Kind.DELETED,
        ]
