"""The contract of a store: what is sent again is not done again."""

import pytest

from tests.contracts.drafts import ANN, BOB, NOW_MS, append, delete, draft, edit, everything
from tests.contracts.stores import Open, Places
from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import Refused, Repeated, Stored
from trio_chat.store.sql.store import SqlStore

JUMP_MS = 25 * 3600 * 1000

FIRST = draft("a", author=ANN, ref="r")


async def test_a_repeat_is_answered_with_what_was_logged_then(open_store: Open) -> None:
    again = draft("a", author=ANN, ref="r", id="another id", ts=NOW_MS + 1)
    async with open_store() as store:
        await append(store, [draft("before"), FIRST])
        assert (await store.append([again])).outcomes == [Repeated(FIRST.id, 2)]
        assert (await store.positions(["general"]))["general"].head == 2


async def test_a_repeat_in_the_same_batch_is_one(open_store: Open) -> None:
    again = draft("a", author=ANN, ref="r", id="another id")
    async with open_store() as store:
        commit = await store.append([FIRST, draft("b"), again, draft("c")])
        assert commit.outcomes == [
            Stored(FIRST.numbered(1)),
            Stored(draft("b").numbered(2)),
            Repeated(FIRST.id, 1),
            Stored(draft("c").numbered(3)),
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
    open_store: Open, other: Draft
) -> None:
    async with open_store() as store:
        await append(store, [FIRST])
        assert (await store.append([other])).outcomes == [Refused(ErrorCode.CONFLICT)]
        assert len(await everything(store)) == 1
        assert await everything(store, "dev") == []


async def test_a_draft_may_be_a_repeat_for_a_shorter_time_and_whatever_its_text(
    open_store: Open,
) -> None:
    def again(number: int, ref_ms: int) -> Draft:
        return draft(f"text {number}", author=ANN, ref="r", id=f"again {number}", ref_ms=ref_ms)

    async with open_store() as store:
        await append(store, [FIRST])
        assert (await store.append([again(1, 100_000)])).outcomes == [Repeated(FIRST.id, 1)]
        second = again(2, 0)
        assert (await store.append([second])).outcomes == [Stored(second.numbered(2))]
        assert (await store.append([again(3, 100_000)])).outcomes == [Repeated(second.id, 2)]


async def test_a_ref_is_new_when_something_is_logged_that_ends_it(open_store: Open) -> None:
    def used(number: int) -> Draft:
        return draft("a", author=ANN, ref="r", id=f"used {number}")

    def end(number: int) -> Draft:
        return draft(f"end {number}", author=ANN, ref=f"end {number}", ends="r")

    async with open_store() as store:
        one, two, three, last = used(1), used(2), used(3), used(4)
        assert len(await append(store, [one, end(1)])) == 2
        assert len(await append(store, [two])) == 1
        assert (await store.append([end(1), used(0)])).outcomes == [
            Repeated(end(1).id, 2),  # so it ends nothing
            Repeated(two.id, 3),
        ]
        assert len(await append(store, [end(2), three, end(3), last])) == 4
        assert (await store.append([used(0)])).outcomes == [Repeated(last.id, 7)]


async def test_a_conflict_in_the_same_batch_takes_no_number(open_store: Open) -> None:
    other = draft("b", author=ANN, ref="r")
    async with open_store() as store:
        commit = await store.append([FIRST, other, draft("c")])
        assert commit.outcomes == [
            Stored(FIRST.numbered(1)),
            Refused(ErrorCode.CONFLICT),
            Stored(draft("c").numbered(2)),
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
async def test_a_ref_is_of_one_device_of_one_user(open_store: Open, other: Draft) -> None:
    async with open_store() as store:
        await append(store, [FIRST])
        assert (await store.append([other])).outcomes == [Stored(other.numbered(2))]


@pytest.mark.parametrize(
    "author", [None, Author("ann", "")], ids=["without an author", "without a device"]
)
async def test_who_has_no_device_repeats_nothing(open_store: Open, author: Author | None) -> None:
    first, again = (draft("a", author=author, ref="r", id=name) for name in ("1", "2"))
    async with open_store() as store:
        assert len(await append(store, [first])) == 1
        assert len(await append(store, [again])) == 1


async def test_without_a_ref_nothing_is_a_repeat(open_store: Open) -> None:
    async with open_store() as store:
        for name in ("1", "2"):
            assert len(await append(store, [draft("a", author=ANN, id=name)])) == 1


async def test_a_ref_is_remembered_for_its_time_and_not_longer(places: Places) -> None:
    with places() as place:
        late, later, again = (
            draft("b", author=ANN, ref="r", id=name) for name in ("late", "later", "again")
        )
        async with place.open() as store:
            await append(store, [FIRST])
            place.wait(place.refs_seconds - 60)
            assert (await store.append([FIRST])).outcomes == [Repeated(FIRST.id, 1)]
            assert (await store.append([late])).outcomes == [Refused(ErrorCode.CONFLICT)]
            place.wait(60)
            assert (await store.append([later])).outcomes == [Stored(later.numbered(2))]
            assert (await store.append([again])).outcomes == [Repeated(later.id, 2)]


@pytest.mark.parametrize("jump_ms", [-JUMP_MS, JUMP_MS])
async def test_a_clock_on_the_wall_that_jumps_makes_no_ref_expire(
    open_store: Open, jump_ms: int
) -> None:
    again = draft("a", author=ANN, ref="r", id="again", ts=NOW_MS + jump_ms)
    async with open_store() as store:
        await append(store, [FIRST])
        await append(store, [draft("b", author=ANN, ref="s", ts=NOW_MS + jump_ms)])
        if isinstance(store, SqlStore):
            await store.prune()
        assert (await store.append([again])).outcomes == [Repeated(FIRST.id, 1)]


async def test_what_was_refused_may_be_sent_again(open_store: Open) -> None:
    async with open_store() as store:
        early = edit("id-general-a", "b", ref="r")
        assert (await store.append([early])).outcomes == [Refused(ErrorCode.NOT_FOUND)]
        await append(store, [draft("a", author=ANN)])
        assert (await store.append([early])).outcomes == [Stored(early.numbered(2))]


async def test_what_was_refused_leaves_its_ref_to_others_of_the_batch(open_store: Open) -> None:
    async with open_store() as store:
        commit = await store.append([edit("nothing", "b", ref="r"), FIRST])
        assert commit.outcomes == [Refused(ErrorCode.NOT_FOUND), Stored(FIRST.numbered(1))]


async def test_edits_and_deletions_are_repeated_too(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft("a", author=ANN)])
        changes = [edit("id-general-a", "b", ref="1"), delete("id-general-a", ref="2")]
        await append(store, changes)
        assert (await store.append(changes)).outcomes == [
            Repeated(changes[0].id, 2),
            Repeated(changes[1].id, 3),
        ]
        assert [event.kind for event in await everything(store)] == [
            Kind.MESSAGE,
            Kind.EDITED,
            Kind.DELETED,
        ]
