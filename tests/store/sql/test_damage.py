"""Damaged data fails nothing else, and no log line quotes a message."""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import QueuePool, create_engine, event, exc
from structlog.testing import capture_logs

from tests.contracts.drafts import ANN, NOW_MS, append, draft, edit, events_of, everything
from tests.store.sql.tables import connected
from trio_chat.errors import DamagedData, ErrorCode, Outage
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Kind
from trio_chat.store.base import Commit, Refused, Stored
from trio_chat.store.sql import damage, look
from trio_chat.store.sql.errors import outages, reason
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.rows import MAX_SEQ
from trio_chat.store.sql.store import SqlStore

SECRET = "secret words"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/chat.db"


Change = Callable[..., None]


@pytest.fixture
def change(url: str) -> Change:
    """Sets a column to an SQL expression of any type."""

    def change(table: str, column: str, value: str, where: str = "1") -> None:
        with connected(url) as connection:
            connection.exec_driver_sql(f"UPDATE chat_{table} SET {column} = {value} WHERE {where}")  # noqa: S608

    return change


def places(lines: Sequence[Mapping[str, object]]) -> list[tuple[object, object]]:
    return [(line["room"], line.get("seq")) for line in lines]


NOT_UTF8 = "CAST(CAST({} AS BLOB) || x'ff' AS TEXT)"


@pytest.mark.parametrize(
    ("value", "end"), [("CAST(text AS BLOB)", ""), (NOT_UTF8.format("text"), "\ufffd")]
)
async def test_a_damaged_text_is_shown_as_far_as_it_is_utf8(
    store: SqlStore, change: Change, value: str, end: str
) -> None:
    await append(store, [draft("a"), draft(SECRET), draft("b")])
    change("texts", "text", value, "n = 2")
    with capture_logs() as lines:
        shown = [event.message for event in await everything(store)]
    assert shown == ["a", SECRET + end, "b"]
    assert places(lines) == [("general", 2)]
    assert lines[0]["event"] == "store data damaged"
    assert SECRET not in str(lines)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("events", "id", "CAST(id AS BLOB)"),
        ("events", "id", NOT_UTF8.format("id")),
        ("events", "username", "CAST(username AS BLOB)"),
        ("events", "username", "NULL"),
        ("events", "kind", "'nonsense'"),
        ("events", "kind", "CAST(kind AS BLOB)"),
        ("events", "kind", "'system'"),
        ("events", "kind", "'damaged'"),
        ("events", "kind", "'edited'"),
        ("events", "ts", "'nonsense'"),
        ("events", "ts", "-1"),
        ("events", "ts", "1 << 62"),
        ("events", "ts", "ts + 0.5"),
        ("events", "target", "1"),
        ("events", "text_n", "99"),
        ("texts", "n", "99"),
    ],
)
async def test_a_placeholder_replaces_a_damaged_event(
    store: SqlStore, change: Change, table: str, column: str, value: str
) -> None:
    times = {"a": NOW_MS, "b": NOW_MS, "c": NOW_MS + 9}
    await append(store, [draft(text, ts=ts) for text, ts in times.items()])
    change(table, column, value, "n = 2")
    with capture_logs() as lines:
        backwards = await everything(store)
        forwards = await store.read_after("general", 1, 9)
    first, one, last = backwards
    assert [first.message, last.message] == ["a", "c"]
    assert (one.seq, one.kind, one.username, one.ts) == (2, Kind.DAMAGED, None, NOW_MS)
    assert one.message == "This event is damaged and cannot be shown."
    assert one.id.startswith("damaged-")
    assert forwards.events == (one, last)
    assert places(lines) == [("general", 2)]


async def test_a_placeholder_without_earlier_events_has_time_zero(
    store: SqlStore, change: Change
) -> None:
    await append(store, [draft("a"), draft("b")])
    change("events", "ts", "'nonsense'")
    assert [event.ts for event in await everything(store)] == [0, 0]


async def test_a_placeholder_replaces_the_edit_of_a_damaged_message(
    store: SqlStore, change: Change
) -> None:
    await append(store, [draft("a", author=ANN), edit("id-general-a", "b"), draft("c")])
    change("events", "id", "CAST(id AS BLOB)", "seq = 1")
    kinds = [event.kind for event in await everything(store)]
    assert kinds == [Kind.DAMAGED, Kind.DAMAGED, Kind.MESSAGE]


async def test_an_event_without_a_seq_fails_only_reads_of_its_page(
    store: SqlStore, change: Change
) -> None:
    await append(store, [draft("a"), draft("b"), draft("c", "dev")])
    change("events", "seq", "'nonsense'", "seq = 2")
    with capture_logs() as lines, pytest.raises(DamagedData, match="has no valid seq"):
        await store.read_after("general", 0, 9)
    assert places(lines) == [("general", None)]
    assert [event.message for event in await everything(store)] == ["a"]
    assert [event.message for event in await everything(store, "dev")] == ["c"]


async def test_a_damaged_event_is_no_other_history(url: str, change: Change) -> None:
    async with open_sql_store(url) as store:
        await append(store, [draft("a")])
        epoch = store.epoch
    change("events", "kind", "'nonsense'")
    async with open_sql_store(url) as store:
        await everything(store)
        await store.check()
        await append(store, [draft("b")])
        assert store.epoch == epoch


async def test_a_damaged_newest_event_is_no_anchor(store: SqlStore, url: str) -> None:
    await append(store, [draft("a")])
    with connected(url) as connection:
        connection.exec_driver_sql(
            "INSERT INTO chat_events (room, seq, id, kind, ts) "
            "SELECT room, 2, x'00', kind, ts FROM chat_events"
        )
    epoch = store.epoch
    await store.check()
    await store.save_mark()
    assert store.epoch == epoch


@pytest.mark.parametrize("column", ["author", "device"])
async def test_a_message_with_a_damaged_author_cannot_be_changed(
    store: SqlStore, change: Change, column: str
) -> None:
    await append(store, [draft("a", author=ANN)])
    change("events", column, f"CAST({column} AS BLOB)")
    with capture_logs() as lines:
        assert_only_the_first_is_refused(
            await store.append([edit("id-general-a", "b"), draft("c")])
        )
    assert places(lines) == [("general", 1)]


def assert_only_the_first_is_refused(commit: Commit) -> None:
    refused, stored = commit.outcomes
    assert refused == Refused(ErrorCode.INTERNAL)
    assert isinstance(stored, Stored)


@pytest.mark.parametrize("column", ["fingerprint", "id", "seq", "ref_time"])
async def test_a_repeat_of_a_damaged_ref_is_refused(
    store: SqlStore, change: Change, column: str
) -> None:
    await append(store, [draft("a", author=ANN, ref="r"), draft("the newest", "dev")])
    change("events", column, "'nonsense'" if column != "id" else "x'00'", "n = 1")
    again = draft("a", author=ANN, ref="r", id="2")
    assert_only_the_first_is_refused(await store.append([again, draft("c")]))


async def test_the_number_of_a_damaged_newest_event_is_not_reused(
    store: SqlStore, change: Change
) -> None:
    await append(store, [draft("a"), draft("b"), draft("c", "dev")])
    change("events", "seq", "'x'", "n = 2")
    positions = await store.positions(["general", "dev", "empty"])
    assert [positions[room].head for room in ("general", "dev", "empty")] == [2, 1, 0]
    assert [event.seq for event in await append(store, [draft("d")])] == [3]


async def test_a_room_at_the_largest_seq_accepts_no_event(store: SqlStore, change: Change) -> None:
    await append(store, [draft("a"), draft("b"), draft("c", "dev")])
    change("events", "seq", f"{MAX_SEQ}", "n = 2")
    assert_only_the_first_is_refused(await store.append([draft("d"), draft("e", "dev")]))


async def test_a_damaged_marker_is_skipped(store: SqlStore, change: Change) -> None:
    await append(store, [draft("a")])
    await store.append([], [ReadMarker(1, "general", "ann"), ReadMarker(1, "general", "bob")])
    change("marks", "seq", "'x'", "reader = 'ann'")
    with capture_logs() as lines:
        assert await store.marks("general", ["ann", "bob"]) == {"bob": 1}
    assert [line["room"] for line in lines] == ["general"]


@pytest.mark.parametrize("value", ["x'00'", "''", "CAST(x'ff' AS TEXT)", "'a b' || char(10)"])
async def test_a_damaged_epoch_is_replaced(store: SqlStore, change: Change, value: str) -> None:
    await append(store, [draft("a")])
    old = store.epoch
    change("epochs", "epoch", value)
    with pytest.raises(Outage):
        await store.positions(["general"])
    await everything(store)
    await store.check()
    assert (await store.positions(["general"]))["general"].epoch == store.epoch != old


async def test_a_start_replaces_a_damaged_epoch(url: str, change: Change) -> None:
    async with open_sql_store(url) as store:
        await append(store, [draft("a")])
    change("epochs", "epoch", "x'00'")
    change("events", "ref_time", "'x'")
    async with open_sql_store(url) as store:
        assert [event.message for event in await everything(store)] == ["a"]
        assert type(store.epoch) is str


async def test_a_damaged_lease_is_skipped(store: SqlStore, change: Change) -> None:
    await store.renew_lease("a", 30)
    await store.renew_lease("b", 30)
    change("nodes", "node", "x'00'", "node = 'a'")
    assert list(await store.renew_lease("c", 30)) == ["b"]


def test_damage_is_reported_once_an_hour_and_ten_times_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(damage, "_MOST_PLACES", 16)
    reporter = damage.DamageReporter()

    def reported() -> list[int]:
        with capture_logs() as lines:
            for seq in range(16):
                reporter.report("damaged", "general", seq)
        return [line["seq"] for line in lines]

    assert reported() == list(range(10))
    assert reported() == []
    now += 60
    assert reported() == list(range(10, 16))
    now += 60
    assert reported() == []
    with capture_logs() as lines:
        reporter.report("damaged", "general", 99)  # one more than it remembers
        reporter.report("damaged", "general", 0)
    assert len(lines) == 2
    now += 3600
    assert reported() == list(range(10))


async def test_an_edit_replaces_a_damaged_text(store: SqlStore, change: Change, url: str) -> None:
    await append(store, [draft(SECRET, author=ANN)])
    change("texts", "text", NOT_UTF8.format("text"))
    commit = await store.append([draft("a"), edit(f"id-general-{SECRET}", "b"), draft("c")])
    assert [event.message for event in events_of(commit)] == ["a", "b", "c"]
    assert [event.message for event in await everything(store)] == ["b", "a", "b", "c"]
    with connected(url) as connection:
        blanks = connection.exec_driver_sql("SELECT length(text) FROM chat_texts WHERE n = 1")
        assert blanks.scalar() == len(SECRET) + 1


async def test_damaged_pages_fail_only_requests_that_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_CHECKED_BYTES", 1)
    path = tmp_path / "chat.db"
    async with open_sql_store(f"sqlite:{path}") as store:
        await append(store, [draft(SECRET * 900, "dev", author=ANN, id="dev")])
        await append(store, [draft("a", author=ANN)])
    overwrite(path, SECRET.encode() * 300)
    async with open_sql_store(f"sqlite:{path}") as store:
        with capture_logs() as lines, pytest.raises(DamagedData, match="the database is damaged"):
            await everything(store, "dev")
        commit = await store.append(
            [edit("dev", "b", room="dev"), draft("b")], [ReadMarker(1, "general", "ann")]
        )
        assert_only_the_first_is_refused(commit)
        assert [mark.user for mark in commit.grown] == ["ann"]
        assert [event.message for event in await everything(store)] == ["a", "b"]
    assert SECRET not in str(lines)


def overwrite(path: Path, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    for page in range(0, len(data), 4096):
        if content in data[page : page + 4096]:
            data[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(data)


def failure(error: Exception) -> exc.DBAPIError:
    return exc.DBAPIError("SELECT", None, error)


def sqlite_failure(code: int) -> exc.DBAPIError:
    error = sqlite3.OperationalError(SECRET)
    error.sqlite_errorcode = code
    return failure(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite_failure(sqlite3.SQLITE_FULL), "the disk is full"),
        (sqlite_failure(sqlite3.SQLITE_IOERR_WRITE), "the disk reports an error"),
        (sqlite_failure(99), "SQLite reports error 99"),
        (failure(sqlite3.ProgrammingError(SECRET)), "ProgrammingError"),
        (failure(psycopg.errors.DiskFull(SECRET)), "the disk is full"),
        (failure(psycopg.errors.UndefinedTable(SECRET)), "a statement failed: its tables are"),
        (failure(psycopg.errors.QueryCanceled(SECRET)), "a statement took too long"),
        (failure(psycopg.errors.SqlRoutineException(SECRET)), "PostgreSQL reports 2F000"),
        (failure(psycopg.OperationalError(SECRET)), "the driver reports OperationalError"),
        (failure(psycopg.OperationalError(f"{SECRET}: Connection refused")), "Connection refused"),
        (exc.TimeoutError(SECRET), "all connections to the database are taken"),
    ],
)
def test_a_reason_quotes_nothing_of_the_database(error: Exception, words: str) -> None:
    assert reason(error).startswith(words)
    assert SECRET not in reason(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DataCorrupted(SECRET), DamagedData),
        (psycopg.errors.IndexCorrupted(SECRET), DamagedData),
        (psycopg.errors.AdminShutdown(SECRET), Outage),
    ],
)
def test_only_damage_raises_damaged_data(error: Exception, kind: type[Outage]) -> None:
    with pytest.raises(Outage) as raised, outages():
        raise failure(error)
    assert type(raised.value) is kind


def test_the_pool_logs_no_traceback_of_a_broken_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)

    @event.listens_for(engine, "reset")
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError

    with caplog.at_level(logging.ERROR), outages(), engine.connect():
        pass
    engine.dispose()
    assert caplog.records == []
