"""Stores in a database; tests/contracts has the contract."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select

from tests.contracts.drafts import ANN, NOW_MS, append, draft, edit, events_of, everything
from tests.contracts.stores import Clock
from tests.store.sql.tables import age_refs, connected, refs_in
from trio_chat.errors import ErrorCode, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Kind
from trio_chat.store.base import REFS_SECONDS, Commit, Refused, Repeated, Stored
from trio_chat.store.sql import batch, sqlite
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.quiet import QUIET_MS
from trio_chat.store.sql.schema import nodes
from trio_chat.store.sql.statements import REFS_MS
from trio_chat.store.sql.store import SqlStore

HUGE = 1 << 70
"""A number that no database accepts."""


async def test_a_value_that_the_database_refuses_fails_only_its_own_draft(
    store: SqlStore, url: str
) -> None:
    batch = [draft("a"), draft("b", ts=HUGE), draft("c"), draft("d", author=ANN, ref="r", ts=HUGE)]
    marks = [ReadMarker(2, "general", "ann"), ReadMarker(HUGE, "general", "bob")]
    commit = await store.append(batch, marks)
    refused = Refused(ErrorCode.INTERNAL)
    stored = [Stored(batch[0].numbered(1)), Stored(batch[2].numbered(2))]
    assert commit.outcomes == [stored[0], refused, stored[1], refused]
    assert [mark.user for mark in commit.grown] == ["ann"]
    assert [event.message for event in await everything(store)] == ["a", "c"]
    assert refs_in(url) == 0


async def test_a_duplicate_id_is_refused(store: SqlStore) -> None:
    await append(store, [draft("a", id="1")])
    commit = await store.append([draft("b", id="1"), draft("c", id="2")])
    assert commit.outcomes[0] == Refused(ErrorCode.INTERNAL)
    assert [event.seq for event in events_of(commit)] == [2]


async def test_prune_deletes_expired_refs_only(store: SqlStore, url: str) -> None:
    await append(store, [draft(f"{n}", author=ANN, ref=f"{n}") for n in range(2001)])
    await store.prune()
    assert refs_in(url) == 2001
    age_refs(url, REFS_MS)
    await append(store, [draft("a", author=ANN, ref="a")])
    await store.prune()
    assert refs_in(url) == 1
    assert (await store.positions(["general"]))["general"].head == 2002


async def test_refs_in_sqlite_expire_by_the_total_running_time_of_servers(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    clock = Clock(seconds=1_000_000)
    request = draft("a", author=ANN, ref="r")
    async with open_sql_store(url, clock=clock) as store:
        await append(store, [request])
        clock.wait(REFS_SECONDS - 3600)
    clock.seconds = 5  # another boot
    async with open_sql_store(url, clock=clock) as store:
        clock.wait(3599)
        assert (await store.append([request])).outcomes == [Repeated(request.id, 1)]
        await store.prune()
        # From here on a kill loses nothing.
        assert await store.marks("", ["clock"]) == {"clock": (REFS_SECONDS - 1) * 1000}
        clock.wait(1)
        await store.prune()
        assert refs_in(url) == 0


async def test_each_probe_writes(store: SqlStore) -> None:
    far_ahead_ms = NOW_MS + 1_000_000_000
    await store.append((), [ReadMarker(far_ahead_ms, "", "")])
    await store.probe()
    await store.probe()
    assert await store.marks("", [""]) == {"": far_ahead_ms + 2}
    assert await store.marks("general", [""]) == {}


async def test_a_missing_table_is_an_outage_with_a_reason(store: SqlStore, url: str) -> None:
    await append(store, [draft("secret")])
    with connected(url) as connection:
        connection.exec_driver_sql("DROP TABLE chat_texts")
    for call in (store.append([draft("another secret")]), store.read_before("general", 10, 10)):
        with pytest.raises(Outage, match="its tables are not as this version made them") as failure:
            await call
        assert "secret" not in f"{failure.value}{failure.value.__cause__}"


async def test_a_failed_batch_leaves_nothing_behind(store: SqlStore, url: str) -> None:
    await append(store, [draft("a")])
    with connected(url) as connection:
        connection.exec_driver_sql("ALTER TABLE chat_marks RENAME TO away")
    with pytest.raises(Outage):
        await store.append([draft("b", author=ANN, ref="r")], [ReadMarker(2, "general", "ann")])
    with connected(url) as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO chat_marks")
    assert (await store.positions(["general"]))["general"].head == 1
    assert refs_in(url) == 0
    assert events_of(await store.append([draft("b")])) == [draft("b").numbered(2)]


async def test_a_batch_that_always_has_to_begin_again_is_an_outage(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> Commit:
        raise batch.BeginAgain

    monkeypatch.setattr(batch, "commit", taken)
    with pytest.raises(Outage, match="other processes keep changing"):
        await store.append([draft("a")])


async def test_a_locked_file_is_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.1)
    url = f"sqlite:{tmp_path}/chat.db"
    async with open_sql_store(url) as store:
        await append(store, [draft("a")])
        with connected(url) as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(Outage, match="another process has locked the file"):
                await store.append([draft("b")])
            assert len(await everything(store)) == 1
        assert [event.seq for event in await append(store, [draft("c")])] == [2]


async def test_every_statement_uses_an_index(tmp_path: Path) -> None:
    ran: list[str] = []

    def listen(driver: sqlite3.Connection, *_: object) -> None:
        driver.set_trace_callback(ran.append)

    url = f"sqlite:{tmp_path}/chat.db"
    event.listen(Engine, "connect", listen)
    async with open_sql_store(url) as store:
        ran.clear()
        await append(store, [draft("a", author=ANN, ref="r")])
        await store.append([edit("id-general-a", "b")], [ReadMarker(1, "general", "ann")])
        await everything(store)
        await store.read_after("general", 0, 10)
        await store.positions(["general"])
        await store.marks("general", ["ann", "bob"])
        await store.prune()
        await append(store, [draft(f"{number}", "quiet", kind=Kind.JOINED) for number in range(2)])
        await store.prune_quiet_rooms(NOW_MS + QUIET_MS)
    event.remove(Engine, "connect", listen)
    statements = {one for one in ran if not one.startswith(("BEGIN", "COMMIT", "PRAGMA"))}
    assert len(statements) > 30
    with connected(url) as connection:
        for statement in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert "SCAN chat_" not in str(plan), statement


def leases_in(url: str) -> int:
    with connected(url) as connection:
        return connection.execute(select(func.count()).select_from(nodes)).scalar_one()


async def test_renewing_returns_the_other_leases_and_their_remaining_seconds(
    store: SqlStore, url: str
) -> None:
    assert await store.renew_lease("a", 500) == {}
    assert await store.renew_lease("b", 1000) == {"a": pytest.approx(500, abs=100)}
    assert await store.renew_lease("a", 500) == {"b": pytest.approx(1000, abs=100)}
    assert leases_in(url) == 2


async def test_an_ended_or_expired_lease_is_deleted(store: SqlStore, url: str) -> None:
    await store.renew_lease("a", -1)
    await store.renew_lease("b", 500)
    await store.end_lease("b")
    await store.end_lease("never registered")
    assert await store.renew_lease("c", 500) == {}
    assert leases_in(url) == 1


async def test_an_unreachable_registry_is_an_outage(store: SqlStore, url: str) -> None:
    with connected(url) as connection:
        nodes.drop(connection)
    with pytest.raises(Outage, match="tables"):
        await store.renew_lease("a", 1)
    with pytest.raises(Outage, match="tables"):
        await store.end_lease("a")
