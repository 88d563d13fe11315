"""The contract of `trio_chat.store.base.Store`, held against every store there is.

A log is what satisfies these files; a new one is added to `places`, in conftest.
"""

from typing import TYPE_CHECKING

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.drafts import EVERYTHING, append, draft, events_of, everything, texts
from tests.contracts.stores import Open, Places
from trio_chat.protocol.events import NOTICES, Kind
from trio_chat.protocol.names import is_label
from trio_chat.store.base import Page
from trio_chat.store.memory import MemoryStore

if TYPE_CHECKING:
    from trio_chat.protocol.events import Event


async def test_the_time_of_events_never_decreases_within_a_room(places: Places) -> None:
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


async def test_events_are_numbered_from_one_in_the_order_of_the_drafts(open_store: Open) -> None:
    drafts = [draft("a"), draft("b", kind=Kind.JOINED), draft("c", kind=Kind.LEFT)]
    async with open_store() as store:
        events = await append(store, drafts)
        assert list(events) == [one.numbered(seq) for seq, one in enumerate(drafts, 1)]


async def test_a_batch_goes_on_where_the_last_one_ended(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft("a"), draft("b")])
        (event,) = await append(store, [draft("c")])
        assert event.seq == 3


async def test_a_log_that_never_waits_appends_at_once_as_it_does_otherwise(
    open_store: Open,
) -> None:
    async with open_store() as store:
        if store.commit_nowait is None:
            return  # it may have to wait: there is nothing to hold it to
        await append(store, [draft("a")])
        assert list(events_of(store.commit_nowait([draft("b"), draft("c", "dev")], ()))) == [
            draft("b").numbered(2),
            draft("c", "dev").numbered(1),
        ]
        assert texts(await store.read_before("general", EVERYTHING, 10)) == ["a", "b"]


async def test_rooms_are_looked_up_together(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft("a"), draft("b", "dev")])
        positions = await store.positions({"general", "dev", "nowhere"})
        assert {room: stand.head for room, stand in positions.items()} == {
            "general": 1,
            "dev": 1,
            "nowhere": 0,
        }
        assert await store.positions([]) == {}


async def test_the_store_keeps_one_identity_unlike_that_of_any_other(open_store: Open) -> None:
    async with open_store() as store:
        epoch = store.epoch
        assert is_label(epoch)
        await append(store, [draft("a"), draft("b", "dev")])
        assert store.epoch == epoch != MemoryStore().epoch


async def test_a_new_epoch_is_of_the_log_and_its_rooms_and_changes_nothing_else(
    open_store: Open,
) -> None:
    async with open_store() as store:
        await append(store, [draft("a")])
        begun, stand = store.epoch, (await store.positions(["general"]))["general"]
        epoch = await store.take_new_epoch(begun)
        assert epoch == store.epoch != begun
        assert await store.take_new_epoch(begun) == epoch  # it is known to be over already
        now = (await store.positions(["general"]))["general"]
        assert now.epoch != stand.epoch
        assert (await store.read_before("general", 9, 9)).epoch == now.epoch
        assert [event.seq for event in await append(store, [draft("b")])] == [2]


async def test_each_room_is_numbered_for_itself(open_store: Open) -> None:
    async with open_store() as store:
        events = await append(store, [draft("a"), draft("b", "dev"), draft("c"), draft("d", "dev")])
        assert [event.seq for event in events] == [1, 1, 2, 2]


async def test_an_empty_batch_is_nothing(open_store: Open) -> None:
    async with open_store() as store:
        assert list(await append(store, [])) == []
        assert (await store.positions(["general"]))["general"].head == 0


async def test_the_head_is_the_newest_seq_of_the_room(open_store: Open) -> None:
    async with open_store() as store:
        assert (await store.positions(["general"]))["general"].head == 0
        await append(store, [draft("a"), draft("b"), draft("c", "dev")])
        assert (await store.positions(["general"]))["general"].head == 2
        assert (await store.positions(["dev"]))["dev"].head == 1


async def test_what_is_read_is_what_was_appended(open_store: Open) -> None:
    strange = [draft("\u00e4\U0001f600\n\x01'\";--"), draft(" ", username="\u00c4nn")]
    strange += [draft(kind, username="\u00c4nn", kind=kind) for kind in sorted(NOTICES)]
    async with open_store() as store:
        events = await append(store, strange)
        page = await store.read_before("general", EVERYTHING, 10)
        assert page == Page(tuple(events), more=False)


async def test_a_room_never_heard_of_is_empty(open_store: Open) -> None:
    async with open_store() as store:
        assert await store.read_before("nowhere", EVERYTHING, 10) == Page((), more=False)
        assert (await store.positions(["nowhere"]))["nowhere"].head == 0


async def test_reading_makes_no_room(open_store: Open) -> None:
    async with open_store() as store:
        await store.read_before("general", EVERYTHING, 10)
        (event,) = await append(store, [draft("a")])
        assert event.seq == 1


async def test_the_newest_below_the_bound_are_read_oldest_first(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft(text) for text in "abcdef"])
        assert texts(await store.read_before("general", EVERYTHING, 2)) == ["e", "f"]
        assert texts(await store.read_before("general", 4, 2)) == ["b", "c"]
        assert texts(await store.read_before("general", 1, 2)) == []


async def test_more_says_whether_there_are_older_ones(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft(text) for text in "abc"])
        assert (await store.read_before("general", EVERYTHING, 2)).more
        assert not (await store.read_before("general", EVERYTHING, 3)).more
        assert not (await store.read_before("general", 3, 2)).more


async def test_the_oldest_above_the_bound_are_read_oldest_first(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft(text) for text in "abcdef"])
        assert texts(await store.read_after("general", 0, 2)) == ["a", "b"]
        assert texts(await store.read_after("general", 3, 2)) == ["d", "e"]
        assert texts(await store.read_after("general", 6, 2)) == []
        assert texts(await store.read_after("nowhere", 0, 2)) == []


async def test_more_says_whether_there_are_newer_ones(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft(text) for text in "abc"])
        assert (await store.read_after("general", 0, 2)).more
        assert not (await store.read_after("general", 0, 3)).more
        assert not (await store.read_after("general", 1, 2)).more


async def test_the_epoch_of_a_room_stays_while_it_is_used(open_store: Open) -> None:
    async with open_store() as store:
        begun = (await store.positions(["general"]))["general"].epoch
        await append(store, [draft("a")])
        assert (await store.positions(["general"]))["general"].epoch == begun
        assert begun.isascii()
        assert begun.isprintable()


async def test_two_logs_have_two_epochs(open_store: Open) -> None:
    async with open_store() as store:
        first = (await store.positions(["general"]))["general"].epoch
    async with open_store() as store:
        assert (await store.positions(["general"]))["general"].epoch != first


async def test_a_page_does_not_change_under_its_reader(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft("a")])
        page = await store.read_before("general", EVERYTHING, 10)
        await append(store, [draft("b")])
        assert texts(page) == ["a"]


async def test_forgetting_a_room_leaves_the_others_alone(open_store: Open) -> None:
    async with open_store() as store:
        await append(store, [draft("a"), draft("b", "dev")])
        await store.forget("general")
        await store.forget("nowhere")
        assert texts(await store.read_before("dev", EVERYTHING, 10)) == ["b"]


# Each of them opens a store: some are enough.
@settings(max_examples=15)
@given(
    batches=st.lists(st.lists(st.sampled_from(["general", "dev"]), max_size=5), max_size=6),
    bound=st.integers(0, 35),
    limit=st.integers(1, 35),
)
def test_any_page_is_the_stretch_it_says(
    open_store: Open, batches: list[list[str]], bound: int, limit: int
) -> None:
    async def check() -> None:
        kept: dict[str, list[Event]] = {"general": [], "dev": []}
        async with open_store() as store:
            for number, rooms in enumerate(batches):
                drafts = [draft(f"{number}-{place}", room) for place, room in enumerate(rooms)]
                for event in await append(store, drafts):
                    kept[event.room].append(event)
            for room, events in kept.items():
                assert [event.seq for event in events] == list(range(1, len(events) + 1))
                assert (await store.positions([room]))[room].head == len(events)
                older = [event for event in events if event.seq < bound]
                expected = Page(tuple(older[-limit:]), more=len(older) > limit)
                assert await store.read_before(room, bound, limit) == expected
                newer = events[bound:]
                expected = Page(tuple(newer[:limit]), more=len(newer) > limit)
                assert await store.read_after(room, bound, limit) == expected

    trio.run(check)


# --- pages are bounded by size -------------------------------------------------------------------

BIG = "a" * 4000 + "ä" * 48
"""4,096 bytes: 64 of them are as much as a page may have."""


async def test_a_page_ends_with_the_event_that_exceeds_its_size_and_the_next_one_goes_on(
    open_store: Open,
) -> None:
    async with open_store() as store:
        await store.append([draft(f"{number:03}{BIG[3:]}") for number in range(200)])
        pages = [await store.read_after("general", after, 200) for after in (0, 65, 130, 195)]
        assert [len(page.events) for page in pages] == [65, 65, 65, 5]
        assert [page.more for page in pages] == [True, True, True, False]
        older = [await store.read_before("general", before, 200) for before in (201, 136, 71, 6)]
        assert [len(page.events) for page in older] == [65, 65, 65, 5]
        assert [page.more for page in older] == [True, True, True, False]
        assert [event.seq for event in older[0].events] == [*range(136, 201)]


async def test_a_page_that_is_just_large_enough_has_no_more(open_store: Open) -> None:
    async with open_store() as store:
        await store.append([draft(f"{number:03}{BIG[3:]}") for number in range(65)])
        assert not (await store.read_after("general", 0, 100)).more
        assert not (await store.read_before("general", 99, 100)).more
        assert (await store.read_before("general", 99, 64)).more
