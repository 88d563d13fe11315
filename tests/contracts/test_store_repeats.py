"""The contract of a store: it adds a repeated request once."""

import pytest

from tests.contracts.drafts import ANN, BOB, NOW_MS, append, delete, draft, edit, everything
from tests.contracts.stores import Places
from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import Refused, Repeated, Store, Stored
from trio_chat.store.sql.store import SqlStore

JUMP_MS = 25 * 3600 * 1000

FIRST = draft("a", author=ANN, ref="r")


async def test_a_repeat_returns_the_event_of_the_first_request(store: Store) -> None:
    again = draft("a", author=ANN, ref="r", id="another id", ts=NOW_MS + 1)
    await append(store, [draft("before"), FIRST])
    assert (await store.append([again])).outcomes == [Repeated(FIRST.id, 2)]
    assert (await store.positions(["general"]))["general"].head == 2


async def test_a_repeat_or_a_conflict_within_a_batch_takes_no_number(store: Store) -> None:
    again = draft("a", author=ANN, ref="r", id="another id")
    other = draft("b", author=ANN, ref="r")
    commit = await store.append([FIRST, draft("b"), again, other, draft("c")])
    assert commit.outcomes == [
        Stored(FIRST.numbered(1)),
        Stored(draft("b").numbered(2)),
        Repeated(FIRST.id, 1),
        Refused(ErrorCode.CONFLICT),
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
async def test_another_request_with_the_same_ref_is_a_conflict(store: Store, other: Draft) -> None:
    await append(store, [FIRST])
    assert (await store.append([other])).outcomes == [Refused(ErrorCode.CONFLICT)]
    assert len(await everything(store)) == 1
    assert await everything(store, "dev") == []


async def test_a_draft_with_ref_ms_repeats_for_that_time_whatever_its_text(store: Store) -> None:
    def again(number: int, ref_ms: int) -> Draft:
        return draft(f"text {number}", author=ANN, ref="r", id=f"again {number}", ref_ms=ref_ms)

    await append(store, [FIRST])
    assert (await store.append([again(1, 100_000)])).outcomes == [Repeated(FIRST.id, 1)]
    second = again(2, 0)
    assert (await store.append([second])).outcomes == [Stored(second.numbered(2))]
    assert (await store.append([again(3, 100_000)])).outcomes == [Repeated(second.id, 2)]


async def test_a_stored_draft_frees_the_ref_that_it_ends(store: Store) -> None:
    def used(number: int) -> Draft:
        return draft("a", author=ANN, ref="r", id=f"used {number}")

    def end(number: int) -> Draft:
        return draft(f"end {number}", author=ANN, ref=f"end {number}", ends="r")

    one, two, three, last = used(1), used(2), used(3), used(4)
    assert len(await append(store, [one, end(1)])) == 2
    assert len(await append(store, [two])) == 1
    assert (await store.append([end(1), used(0)])).outcomes == [
        Repeated(end(1).id, 2),  # a repeat ends nothing
        Repeated(two.id, 3),
    ]
    assert len(await append(store, [end(2), three, end(3), last])) == 4
    assert (await store.append([used(0)])).outcomes == [Repeated(last.id, 7)]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (FIRST, draft("b", author=BOB, ref="r")),
        (FIRST, draft("b", author=Author("ann", "d-phone"), ref="r")),
        (FIRST, draft("b", author=Author("bob", "d-ann"), ref="r")),
        (FIRST, draft("b", author=ANN, ref="R")),
        (draft("a", author=ANN, id="1"), draft("a", author=ANN, id="2")),
        (draft("a", ref="r", id="1"), draft("a", ref="r", id="2")),
        (
            draft("a", author=Author("ann", ""), ref="r", id="1"),
            draft("a", author=Author("ann", ""), ref="r", id="2"),
        ),
    ],
    ids=["user", "device", "user of the device", "ref", "no ref", "no author", "no device"],
)
async def test_a_ref_belongs_to_one_device_of_one_user(
    store: Store, first: Draft, other: Draft
) -> None:
    await append(store, [first])
    assert (await store.append([other])).outcomes == [Stored(other.numbered(2))]


async def test_a_ref_expires_after_its_time_and_not_earlier(places: Places) -> None:
    late, later, again = (
        draft("b", author=ANN, ref="r", id=name) for name in ("late", "later", "again")
    )
    with places() as place:
        async with place.open() as store:
            await append(store, [FIRST])
            place.wait(place.refs_seconds - 60)
            assert (await store.append([FIRST])).outcomes == [Repeated(FIRST.id, 1)]
            assert (await store.append([late])).outcomes == [Refused(ErrorCode.CONFLICT)]
            place.wait(60)
            assert (await store.append([later])).outcomes == [Stored(later.numbered(2))]
            assert (await store.append([again])).outcomes == [Repeated(later.id, 2)]


@pytest.mark.parametrize("jump_ms", [-JUMP_MS, JUMP_MS])
async def test_a_jump_of_the_wall_clock_expires_no_ref(store: Store, jump_ms: int) -> None:
    again = draft("a", author=ANN, ref="r", id="again", ts=NOW_MS + jump_ms)
    await append(store, [FIRST])
    await append(store, [draft("b", author=ANN, ref="s", ts=NOW_MS + jump_ms)])
    if isinstance(store, SqlStore):
        await store.prune()
    assert (await store.append([again])).outcomes == [Repeated(FIRST.id, 1)]


async def test_a_refused_draft_does_not_use_its_ref(store: Store) -> None:
    early = edit("id-general-a", "b", ref="r")
    assert (await store.append([early])).outcomes == [Refused(ErrorCode.NOT_FOUND)]
    await append(store, [draft("a", author=ANN)])
    assert (await store.append([early])).outcomes == [Stored(early.numbered(2))]
    other = draft("c", author=ANN, ref="s")
    commit = await store.append([edit("nothing", "b", ref="s"), other])
    assert commit.outcomes == [Refused(ErrorCode.NOT_FOUND), Stored(other.numbered(3))]


async def test_a_repeated_edit_or_deletion_returns_its_first_event(store: Store) -> None:
    await append(store, [draft("a", author=ANN)])
    changes = [edit("id-general-a", "b", ref="1"), delete("id-general-a", ref="2")]
    await append(store, changes)
    assert (await store.append(changes)).outcomes == [
        Repeated(changes[0].id, 2),
        Repeated(changes[1].id, 3),
    ]
    kinds = [event.kind for event in await everything(store)]
    assert kinds == [Kind.MESSAGE, Kind.EDITED, Kind.DELETED]
