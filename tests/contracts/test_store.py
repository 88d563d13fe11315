"""The contract of `trio_chat.store.base.Store`: order, numbers, pages, and epochs.

A new kind of store joins the suite in `places`, in conftest. `test_store_model` runs random
programs against all of them.
"""

from tests.contracts.drafts import EVERYTHING, append, draft, events_of, everything, texts
from tests.contracts.stores import Places
from trio_chat.protocol.events import NOTICES, Kind
from trio_chat.protocol.names import is_label
from trio_chat.store.base import Page, Store
from trio_chat.store.memory import MemoryStore

BIG = "a" * 4000 + "ä" * 48
"""4,096 bytes: 64 of these texts fill a page."""


async def test_time_never_decreases_within_a_room(places: Places) -> None:
    with places() as place:
        async with place.open() as store:
            events = await append(
                store, [draft("a", ts=9), draft("b", ts=7), draft("x", "dev", ts=8)]
            )
            assert [event.ts for event in events] == [9, 9, 8]
            (event,) = await append(store, [draft("c", ts=8)])
            assert event.ts == 9
            assert [event.ts for event in await everything(store)] == [9, 9, 9]
        if place.is_durable:
            async with place.open() as store:
                events = await append(store, [draft("d", ts=1), draft("e", ts=10)])
                assert [event.ts for event in events] == [9, 10]


async def test_each_room_numbers_its_events_from_one_in_the_order_of_the_drafts(
    store: Store,
) -> None:
    first, second = draft("a"), draft("b", kind=Kind.JOINED)
    events = await append(store, [first, draft("x", "dev"), second])
    assert events == [first.numbered(1), draft("x", "dev").numbered(1), second.numbered(2)]
    assert [event.seq for event in await append(store, [draft("c")])] == [3]


async def test_commit_nowait_commits_as_append_does(store: Store) -> None:
    if store.commit_nowait is None:
        return  # the store may have to wait
    await append(store, [draft("a")])
    assert events_of(store.commit_nowait([draft("b"), draft("c", "dev")], ())) == [
        draft("b").numbered(2),
        draft("c", "dev").numbered(1),
    ]
    assert texts(await store.read_before("general", EVERYTHING, 10)) == ["a", "b"]


async def test_positions_returns_the_heads_of_several_rooms(store: Store) -> None:
    await append(store, [draft("a"), draft("b"), draft("c", "dev")])
    positions = await store.positions({"general", "dev", "nowhere"})
    heads = {room: position.head for room, position in positions.items()}
    assert heads == {"general": 2, "dev": 1, "nowhere": 0}
    assert await store.positions([]) == {}


async def test_a_store_keeps_one_epoch_that_no_other_store_has(store: Store) -> None:
    epoch, room_epoch = store.epoch, (await store.positions(["general"]))["general"].epoch
    assert is_label(epoch)
    assert is_label(room_epoch)
    await append(store, [draft("a"), draft("b", "dev")])
    assert store.epoch == epoch != MemoryStore().epoch
    assert (await store.positions(["general"]))["general"].epoch == room_epoch


async def test_a_new_epoch_replaces_the_known_one_once_and_changes_no_event(store: Store) -> None:
    await append(store, [draft("a")])
    former, position = store.epoch, (await store.positions(["general"]))["general"]
    epoch = await store.take_new_epoch(former)
    assert epoch == store.epoch != former
    assert await store.take_new_epoch(former) == epoch
    now = (await store.positions(["general"]))["general"]
    assert now.epoch != position.epoch
    assert (await store.read_before("general", 9, 9)).epoch == now.epoch
    assert [event.seq for event in await append(store, [draft("b")])] == [2]


async def test_a_page_holds_the_events_as_they_were_committed(store: Store) -> None:
    drafts = [draft("\u00e4\U0001f600\n\x01'\";--"), draft(" ", username="\u00c4nn")]
    drafts += [draft(kind, username="\u00c4nn", kind=kind) for kind in sorted(NOTICES)]
    events = await append(store, drafts)
    assert await store.read_before("general", EVERYTHING, 10) == Page(tuple(events), more=False)


async def test_an_empty_batch_and_reads_of_an_unknown_room_change_nothing(store: Store) -> None:
    assert await append(store, []) == []
    assert await store.read_before("general", EVERYTHING, 10) == Page((), more=False)
    assert await store.read_after("general", 0, 10) == Page((), more=False)
    assert [event.seq for event in await append(store, [draft("a")])] == [1]


async def test_pages_begin_at_the_bound_and_report_further_events(store: Store) -> None:
    await append(store, [draft(text) for text in "abcdef"])
    for read, bound, limit, expected, more in (
        (store.read_before, EVERYTHING, 2, "ef", True),
        (store.read_before, EVERYTHING, 6, "abcdef", False),
        (store.read_before, 4, 2, "bc", True),
        (store.read_before, 3, 2, "ab", False),
        (store.read_before, 1, 2, "", False),
        (store.read_after, 0, 2, "ab", True),
        (store.read_after, 0, 6, "abcdef", False),
        (store.read_after, 3, 2, "de", True),
        (store.read_after, 4, 2, "ef", False),
        (store.read_after, 6, 2, "", False),
    ):
        page = await read("general", bound, limit)
        assert ("".join(texts(page)), page.more) == (expected, more)


async def test_a_page_does_not_change_after_it_was_read(store: Store) -> None:
    await append(store, [draft("a")])
    page = await store.read_before("general", EVERYTHING, 10)
    await append(store, [draft("b")])
    assert texts(page) == ["a"]


async def test_forgetting_a_room_keeps_the_other_rooms(store: Store) -> None:
    await append(store, [draft("a"), draft("b", "dev")])
    await store.forget("general")
    await store.forget("nowhere")
    assert texts(await store.read_before("dev", EVERYTHING, 10)) == ["b"]


async def test_a_page_ends_with_the_event_that_exceeds_its_size(store: Store) -> None:
    await store.append([draft(f"{number:03}{BIG[3:]}") for number in range(200)])
    pages = [await store.read_after("general", after, 200) for after in (0, 65, 130, 195)]
    assert [len(page.events) for page in pages] == [65, 65, 65, 5]
    assert [page.more for page in pages] == [True, True, True, False]
    older = [await store.read_before("general", before, 200) for before in (201, 136, 71, 66)]
    assert [len(page.events) for page in older] == [65, 65, 65, 65]
    assert [page.more for page in older] == [True, True, True, False]
    assert [event.seq for event in older[0].events] == [*range(136, 201)]
    assert (await store.read_before("general", 66, 64)).more
