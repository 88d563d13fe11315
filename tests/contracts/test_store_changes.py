"""The contract of a store: edits and deletions."""

import pytest

from tests.contracts.drafts import ANN, BOB, append, delete, draft, edit, everything
from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Kind
from trio_chat.store.base import Refused, Store, Stored

MESSAGE = draft("a", author=ANN)


async def shown(store: Store) -> list[tuple[str, bool, bool]]:
    """Return text, is_edited and is_deleted of each event."""
    return [(event.message, event.is_edited, event.is_deleted) for event in await everything(store)]


async def test_history_has_the_newest_text_in_the_message_and_all_its_edits(store: Store) -> None:
    await append(store, [MESSAGE, draft("other")])
    change = edit(MESSAGE.id, "b")
    assert await append(store, [change]) == [change.numbered(3)]
    await append(store, [edit(MESSAGE.id, "c")])
    edited = ("c", True, False)
    assert await shown(store) == [edited, ("other", False, False), edited, edited]
    (event,) = (await store.read_after("general", 2, 1)).events  # a page without the message
    assert (event.message, event.is_edited, event.target) == ("c", True, MESSAGE.id)


async def test_a_deletion_removes_the_text_of_the_message_and_of_its_edits(store: Store) -> None:
    other, elsewhere = draft("other", author=ANN), draft("a", "dev", author=ANN)
    await append(store, [MESSAGE, other, elsewhere])
    await append(store, [edit(MESSAGE.id, "b")])
    await append(store, [delete(MESSAGE.id)])
    deleted = ("", False, True)
    assert await shown(store) == [deleted, ("other", False, False), deleted, ("", False, False)]
    targets = [event.target for event in await everything(store)]
    assert targets == [None, None, MESSAGE.id, MESSAGE.id]
    assert [event.message for event in await everything(store, "dev")] == ["a"]


async def test_one_batch_may_create_edit_and_delete_a_message(store: Store) -> None:
    batch = [MESSAGE, edit(MESSAGE.id, "b"), edit(MESSAGE.id, "c"), draft("other")]
    assert len(await append(store, batch)) == 4
    assert [text for text, _, _ in await shown(store)] == ["c", "c", "c", "other"]
    commit = await store.append([delete(MESSAGE.id), edit(MESSAGE.id, "d")])
    assert commit.outcomes[1] == Refused(ErrorCode.NOT_FOUND)
    assert [text for text, _, _ in await shown(store)] == ["", "", "", "other", ""]
    short = draft("short", "dev", author=ANN)
    assert len(await append(store, [short, delete(short.id, room="dev")])) == 2
    assert [event.message for event in await everything(store, "dev")] == ["", ""]


async def test_an_edit_to_the_same_text_counts_as_an_edit(store: Store) -> None:
    await append(store, [MESSAGE])
    await append(store, [edit(MESSAGE.id, "a")])
    assert await shown(store) == [("a", True, False), ("a", True, False)]


@pytest.mark.parametrize(
    "change",
    [
        edit("nothing", "b"),
        delete("nothing"),
        edit(MESSAGE.id, "b", room="dev"),
        edit("id-general-notice", "b"),
        edit("edit-id-general-a-again", "b"),
        edit("id-general-gone", "b"),
        delete("id-general-gone"),
    ],
    ids=["edit", "delete", "other room", "notice", "edit of an edit", "deleted", "deleted twice"],
)
async def test_a_change_finds_only_a_present_message_of_its_room(
    store: Store, change: Draft
) -> None:
    await append(store, [MESSAGE, draft("notice", kind=Kind.JOINED), edit(MESSAGE.id, "again")])
    await append(store, [draft("x", "dev"), draft("gone", author=ANN), delete("id-general-gone")])
    before = await everything(store)
    assert (await store.append([change])).outcomes == [Refused(ErrorCode.NOT_FOUND)]
    assert await everything(store) == before
    heads = await store.positions(["general", "dev"])
    assert (heads["general"].head, heads["dev"].head) == (5, 1)


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
async def test_only_its_author_may_change_a_message(
    store: Store, theirs: Author | None, ours: Author | None, *, may: bool
) -> None:
    for number, text in enumerate("ab"):
        message = draft(text, author=theirs)
        make = (edit(message.id, "new", author=ours), delete(message.id, author=ours))
        await append(store, [message])
        seq = (await store.positions(["general"]))["general"].head + 1
        expected = Stored(make[number].numbered(seq)) if may else Refused(ErrorCode.FORBIDDEN)
        assert (await store.append([make[number]])).outcomes == [expected]
        shown_texts = [event.message for event in await everything(store)]
        assert (text in shown_texts) is not may


async def test_a_refused_change_takes_no_number(store: Store) -> None:
    await append(store, [MESSAGE])
    batch = [edit("nothing", "b"), edit(MESSAGE.id, "b", author=BOB), draft("c")]
    assert (await store.append(batch)).outcomes == [
        Refused(ErrorCode.NOT_FOUND),
        Refused(ErrorCode.FORBIDDEN),
        Stored(draft("c").numbered(2)),
    ]
