"""The contract of a store: who may edit and delete what, and what is shown then."""

import pytest

from tests.contracts.drafts import ANN, BOB, append, delete, draft, edit, everything
from tests.contracts.stores import Open
from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import Refused, Store, Stored

MESSAGE = draft("a", author=ANN)


async def shown(store: Store) -> list[tuple[str, bool, bool]]:
    return [(event.message, event.is_edited, event.is_deleted) for event in await everything(store)]


async def test_an_edit_is_an_event_with_its_text(open_store: Open) -> None:
    change = edit(MESSAGE.id, "b")
    async with open_store() as store:
        await append(store, [MESSAGE])
        (event,) = await append(store, [change])
        assert event == change.numbered(2)
        assert (event.message, event.target) == ("b", MESSAGE.id)


async def test_history_shows_the_newest_text_in_each_place(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE, draft("other")])
        await append(store, [edit(MESSAGE.id, "b")])
        await append(store, [edit(MESSAGE.id, "c")])
        assert await shown(store) == [
            ("c", True, False),
            ("other", False, False),
            ("c", True, False),
            ("c", True, False),
        ]


async def test_a_deletion_takes_the_text_and_that_of_the_edits(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE, draft("other")])
        await append(store, [edit(MESSAGE.id, "b")])
        await append(store, [delete(MESSAGE.id)])
        assert await shown(store) == [
            ("", False, True),
            ("other", False, False),
            ("", False, True),
            ("", False, False),
        ]
        assert [event.target for event in await everything(store)] == [
            None,
            None,
            MESSAGE.id,
            MESSAGE.id,
        ]


async def test_all_of_it_may_be_in_one_batch(open_store: Open) -> None:
    batch = [MESSAGE, edit(MESSAGE.id, "b"), edit(MESSAGE.id, "c"), draft("other")]
    async with open_store() as store:
        assert len(await append(store, batch)) == 4
        assert [text for text, _, _ in await shown(store)] == ["c", "c", "c", "other"]
        commit = await store.append([delete(MESSAGE.id), edit(MESSAGE.id, "d")])
        assert commit.outcomes[1] == Refused(ErrorCode.NOT_FOUND)
        assert [text for text, _, _ in await shown(store)] == ["", "", "", "other", ""]


async def test_a_message_may_come_and_go_in_one_batch(open_store: Open) -> None:
    async with open_store() as store:
        assert len(await append(store, [MESSAGE, delete(MESSAGE.id)])) == 2
        assert await shown(store) == [("", False, True), ("", False, False)]


async def test_an_edit_to_the_same_text_is_an_edit(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE])
        await append(store, [edit(MESSAGE.id, "a")])
        assert await shown(store) == [("a", True, False), ("a", True, False)]


async def test_pages_that_have_not_the_message_itself_show_its_newest_text(
    open_store: Open,
) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE, edit(MESSAGE.id, "b"), edit(MESSAGE.id, "c")])
        (event,) = (await store.read_after("general", 1, 1)).events
        assert (event.message, event.is_edited, event.target) == ("c", True, MESSAGE.id)


async def test_the_texts_of_others_are_left_alone(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE, draft("b", author=ANN), draft("a", "dev", author=ANN)])
        await append(store, [delete(MESSAGE.id)])
        assert [event.message for event in await everything(store)] == ["", "b", ""]
        assert [event.message for event in await everything(store, "dev")] == ["a"]


@pytest.mark.parametrize(
    "change",
    [
        edit("nothing", "b"),
        delete("nothing"),
        edit(MESSAGE.id, "b", room="dev"),
        edit("id-general-notice", "b"),
        edit("edit-id-general-a-again", "b"),
    ],
    ids=["unknown", "unknown to delete", "of another room", "a notice", "an edit"],
)
async def test_what_is_no_message_of_the_room_is_not_found(open_store: Open, change: Draft) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE, draft("notice", kind=Kind.JOINED), edit(MESSAGE.id, "again")])
        await append(store, [draft("x", "dev")])
        before = await everything(store)
        assert (await store.append([change])).outcomes == [Refused(ErrorCode.NOT_FOUND)]
        assert await everything(store) == before
        positions = await store.positions([change.room])
        assert positions[change.room].head == (1 if change.room == "dev" else 3)


@pytest.mark.parametrize("change", [edit(MESSAGE.id, "b"), delete(MESSAGE.id)], ids=str)
async def test_what_is_deleted_is_not_found(open_store: Open, change: Draft) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE])
        await append(store, [delete(MESSAGE.id)])
        assert (await store.append([change])).outcomes == [Refused(ErrorCode.NOT_FOUND)]


@pytest.mark.parametrize(
    ("theirs", "ours", "may"),
    [
        (ANN, ANN, True),
        (ANN, BOB, False),
        (ANN, Author("bob", "d-ann"), False),
        (ANN, Author("ann", "d-phone"), False),
        (ANN, Author("ann", "d-phone", is_proven=True), True),
        (ANN, Author("bob", "d-ann", is_proven=True), False),
        (Author("ann", ""), Author("ann", ""), False),
        (Author("ann", ""), Author("ann", "", is_proven=True), True),
        (ANN, None, False),
        (None, ANN, False),
    ],
)
async def test_a_message_is_its_author_s_to_change(
    open_store: Open, theirs: Author | None, ours: Author | None, *, may: bool
) -> None:
    message = draft("a", author=theirs)
    for change in (edit(message.id, "b", author=ours), delete(message.id, author=ours)):
        async with open_store() as store:
            await append(store, [message])
            expected = Stored(change.numbered(2)) if may else Refused(ErrorCode.FORBIDDEN)
            assert (await store.append([change])).outcomes == [expected]
            assert ([event.message for event in await everything(store)] == ["a"]) is not may


async def test_what_is_refused_takes_no_number(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [MESSAGE])
        batch = [edit("nothing", "b"), edit(MESSAGE.id, "b", author=BOB), draft("c")]
        assert (await store.append(batch)).outcomes == [
            Refused(ErrorCode.NOT_FOUND),
            Refused(ErrorCode.FORBIDDEN),
            Stored(draft("c").numbered(2)),
        ]
