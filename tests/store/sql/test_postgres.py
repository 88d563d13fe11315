"""Concurrent nodes on PostgreSQL, and outages of the server."""

from collections.abc import AsyncIterator

import psycopg
import pytest
import trio

from tests.contracts.drafts import ANN, append, draft, edit, events_of, everything
from tests.store.sql.tables import complaint
from tests.support.ports import HOST, free_port
from tests.support.postgres import Cluster
from tests.support.waiting import eventually
from trio_chat.errors import ErrorCode, Outage, StartError
from trio_chat.protocol.events import Draft, Event
from trio_chat.store.base import Outcome, Refused, Repeated, Stored
from trio_chat.store.sql import postgres
from trio_chat.store.sql.lock import POSTGRES_LOCK
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.pool import Pool
from trio_chat.store.sql.store import SqlStore

ROUNDS = 15


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    async with (
        open_sql_store(url, exclusive=False) as one,
        open_sql_store(url, exclusive=False) as other,
    ):
        yield one, other


async def at_once(stores: tuple[SqlStore, SqlStore], *drafts: Draft) -> list[Outcome]:
    """Append a draft on each node at the same time; returns the outcomes."""
    outcomes: list[Outcome] = []

    async def run(store: SqlStore, one: Draft) -> None:
        outcomes.extend((await store.append([one])).outcomes)

    async with trio.open_nursery() as nursery:
        for store, one in zip(stores, drafts, strict=True):
            nursery.start_soon(run, store, one)
    return outcomes


def stored_in(outcomes: list[Outcome]) -> list[Event]:
    return [one.event for one in outcomes if isinstance(one, Stored)]


def cut_appenders(cluster: Cluster) -> int:
    """Cut the connections with the lock of a store; returns their number."""
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
    return len(cluster.run(cut))


def cut_all(cluster: Cluster) -> None:
    cluster.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


async def test_the_store_uses_the_host_that_answers(postgres_url: str) -> None:
    url = postgres_url.replace(f"@{HOST}:", f"@{HOST}:{free_port()},{HOST}:")
    async with open_sql_store(url) as store:
        assert await append(store, [draft("a", "general")])


async def test_two_nodes_number_each_room_densely_in_order_of_time(
    two: tuple[SqlStore, SqlStore],
) -> None:
    stored: list[Event] = []
    texts: list[str] = []

    async def run(store: SqlStore, who: str, rooms: tuple[str, ...]) -> None:
        for turn in range(ROUNDS):
            ts = 1000 * len(who) + turn  # the clocks of the nodes differ
            batch = [
                draft(f"{who}-{turn}-{place}", room, ts=ts) for place, room in enumerate(rooms)
            ]
            texts.extend(one.message for one in batch)
            stored.extend(await append(store, batch))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, two[0], "one", ("general", "dev", "general"))
        nursery.start_soon(run, two[1], "other", ("dev", "general", "dev"))
    for room in ("general", "dev"):
        events = await everything(two[0], room)
        assert [event.seq for event in events] == list(range(1, 3 * ROUNDS + 1))
        assert events == sorted((e for e in stored if e.room == room), key=lambda e: e.seq)
        times = [event.ts for event in events]
        assert times == sorted(times)
        by_one = [event.message for event in events if event.message.startswith("one")]
        assert by_one == [one for one in texts if one in by_one]


@pytest.mark.parametrize("other_room", ["general", "dev"])
async def test_one_ref_on_two_nodes_at_once_is_one_event(
    two: tuple[SqlStore, SqlStore], other_room: str
) -> None:
    await append(two[0], [draft("x"), draft("x", "dev")])
    for turn in range(ROUNDS):
        one = draft("a", author=ANN, ref=f"{turn}", id=f"{turn}-1")
        other = draft("a", other_room, author=ANN, ref=f"{turn}", id=f"{turn}-2")
        outcomes = await at_once(two, one, other)
        (event,) = stored_in(outcomes)
        again = Repeated(event.id, event.seq)
        assert (again if other_room == "general" else Refused(ErrorCode.CONFLICT)) in outcomes
    rooms = [[e.seq for e in await everything(two[0], room)] for room in ("general", "dev")]
    assert sum(map(len, rooms)) == ROUNDS + 2
    assert rooms == [list(range(1, len(room) + 1)) for room in rooms]


async def test_of_two_concurrent_edits_the_later_one_wins(two: tuple[SqlStore, SqlStore]) -> None:
    await append(two[0], [draft("a", author=ANN)])
    for turn in range(ROUNDS):
        edits = [edit("id-general-a", f"{turn}-{number}") for number in range(2)]
        first, last = sorted(stored_in(await at_once(two, *edits)), key=lambda event: event.seq)
        assert first.seq + 1 == last.seq
        assert {event.message for event in await everything(two[1])} == {last.message}


async def test_a_lost_lock_stops_appends(
    cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_TAKE_MS", 100)
    async with open_sql_store(postgres_url) as store:
        await append(store, [draft("a")])
        with psycopg.connect(postgres_url, autocommit=True) as another:
            cut_appenders(cluster)
            another.execute("SELECT pg_advisory_lock(%s)", (POSTGRES_LOCK,))
            with pytest.raises(Outage, match="another process has the store"):
                await store.append([draft("b")])
            assert len(await everything(store)) == 1
        assert [event.seq for event in await append(store, [draft("c")])] == [2]


async def test_exclusive_and_shared_stores_refuse_each_other(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_TAKE_MS", 100)
    async with open_sql_store(postgres_url):
        with pytest.raises(StartError, match="another process has the store for itself"):
            async with open_sql_store(postgres_url, exclusive=False):
                pass
    async with open_sql_store(postgres_url, exclusive=False):
        assert "another process has the store" in await complaint(postgres_url)
    async with open_sql_store(postgres_url):
        pass


async def test_batches_use_indexes_although_the_tables_were_small_at_first(
    cluster: Cluster, postgres_url: str
) -> None:
    async def whole_readings(batches: int) -> object:
        async with open_sql_store(postgres_url) as store:
            for number in range(batches):
                batch = [
                    draft(f"{number}-{n}", f"r{n}", author=ANN, ref=f"{number}-{n}") for n in (1, 2)
                ]
                await append(store, batch)
        # The server counts when a connection ends.
        await trio.to_thread.run_sync(eventually, no_appender, "the connection has ended")
        return cluster.run(counted, postgres_url.rpartition("/")[2])

    def no_appender() -> bool:
        return not cluster.run("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")

    counted = "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname <> 'chat_version'"
    await whole_readings(1)
    before = await whole_readings(0)
    assert await whole_readings(20) == before


@pytest.mark.parametrize("text", ['"', "\\", "{NULL}", "NULL", "", " ", 'a","b', "\\x00", "\n"])
async def test_a_text_may_contain_the_syntax_of_arrays(store: SqlStore, text: str) -> None:
    await append(store, [draft(text, id="1", author=ANN), draft("b")])
    assert [event.message for event in await everything(store)] == [text, "b"]


async def test_without_pre_ping_a_cut_connection_fails_one_read(
    cluster: Cluster, postgres_url: str
) -> None:
    async with open_sql_store(postgres_url, pool=Pool(pre_ping=False)) as store:
        await store.positions(["general"])
        cut_all(cluster)
        with pytest.raises(Outage):
            await store.positions(["general"])
        assert (await store.positions(["general"]))["general"].head == 0


@pytest.mark.parametrize("pre_ping", [True, False])
async def test_a_cut_between_two_batches_fails_neither_and_the_lock_returns(
    cluster: Cluster, postgres_url: str, *, pre_ping: bool
) -> None:
    async with open_sql_store(postgres_url, pool=Pool(pre_ping=pre_ping)) as store:
        for seq in (1, 2, 3):
            assert [event.seq for event in await append(store, [draft(f"{seq}")])] == [seq]
            assert cut_appenders(cluster) == 1


async def test_an_idle_connection_is_tested_before_use(
    cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_IDLE_SECONDS", 0)
    async with open_sql_store(postgres_url) as store:
        cut_all(cluster)
        await store.check()


async def test_a_stopped_server_is_an_outage_until_it_starts(
    cluster: Cluster, store: SqlStore
) -> None:
    await append(store, [draft("a")])
    cluster.stop()
    try:
        for call in (store.append([draft("b")]), store.positions(["general"]), store.prune()):
            with pytest.raises(Outage, match="Connection refused") as failure:
                await call
            assert cluster.password not in str(failure.value)
    finally:
        cluster.start()
    assert [event.seq for event in await append(store, [draft("c")])] == [2]


async def test_a_commit_survives_a_crash_of_the_server(cluster: Cluster, store: SqlStore) -> None:
    await append(store, [draft("a")])
    cluster.kill()
    cluster.start()
    assert [event.message for event in await everything(store)] == ["a"]
    assert [event.seq for event in await append(store, [draft("b")])] == [2]


async def test_a_frozen_server_is_an_outage_in_time(
    cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ANSWER_SECONDS", 0.2)
    async with open_sql_store(postgres_url, pool=Pool(pre_ping=False)) as store:
        await append(store, [draft("a")])
        await store.positions(["general"])
        with cluster.frozen():
            for call in (store.append([draft("b")]), store.positions(["general"])):
                with pytest.raises(Outage, match="it did not answer in time"):
                    await call
        assert events_of(await store.append([draft("c")]))


async def test_a_blocked_row_is_an_outage(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres._BOUNDS, "lock_timeout", "100")
    async with open_sql_store(postgres_url) as store:
        await append(store, [draft("a")])
        with psycopg.connect(postgres_url) as another:
            another.execute("SELECT * FROM chat_rooms FOR UPDATE")
            with pytest.raises(Outage, match="a lock was not released in time"):
                await store.append([draft("b")])
        assert [event.seq for event in await append(store, [draft("c")])] == [2]


async def test_an_exhausted_pool_is_an_outage(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 0.1)
    async with open_sql_store(postgres_url, pool=Pool(size=1, overflow=0)) as store:
        with store._readers.connect(), pytest.raises(Outage, match="all connections"):
            await store.positions(["general"])
        assert (await store.positions(["general"]))["general"].head == 0
