"""A fault in what is stored fails nothing else, and no line quotes a message."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import exc, literal_column, update
from structlog.testing import capture_logs

from tests.contracts.drafts import ANN, append, draft, edit, events_of, everything
from tests.log.sql.tables import connected
from trio_chat.errors import DamagedData, ErrorCode, Outage
from trio_chat.log.base import Logged, Mark, Refused
from trio_chat.log.sql import look
from trio_chat.log.sql.errors import outages, reason
from trio_chat.log.sql.opened import open_sql_log
from trio_chat.log.sql.schema import events

SECRET = "secret words"


def damage_text(url: str) -> None:
    """Put a byte that is not UTF-8 into the text of each message about a secret."""
    with connected(url) as connection:
        connection.exec_driver_sql(
            "UPDATE chat_texts SET text = CAST(CAST(text AS BLOB) || x'ff' AS TEXT) "
            "WHERE text LIKE 'secret%'"
        )


async def test_a_damaged_text_is_shown_with_a_placeholder_and_reported_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    url = f"sqlite:{tmp_path}/chat.db"
    async with open_sql_log(url) as log:
        await append(log, [draft("a"), draft(SECRET), draft("b")])
        damage_text(url)
        with capture_logs() as lines:
            for _ in range(3):
                shown = [event.message for event in await everything(log)]
                assert shown == ["a", f"{SECRET}\ufffd", "b"]
            assert len(lines) == 1
            now += 60
            await log.read_after("general", 0, 9)
    assert len(lines) == 2
    assert {line["event"] for line in lines} == {"store data damaged"}
    assert SECRET not in str(lines)


async def test_a_damaged_text_can_be_deleted_or_edited_with_all_else_in_its_batch(
    tmp_path: Path,
) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    async with open_sql_log(url) as log:
        await append(log, [draft(SECRET, author=ANN)])
        damage_text(url)
        commit = await log.append([draft("a"), edit(f"id-general-{SECRET}", "b"), draft("c")])
        assert [event.message for event in events_of(commit)] == ["a", "b", "c"]
        assert [event.message for event in await everything(log)] == ["b", "a", "b", "c"]
    with connected(url) as connection:
        blanks = connection.exec_driver_sql("SELECT length(text) FROM chat_texts WHERE seq = 1")
        assert blanks.scalar() == len(SECRET) + 1


@pytest.mark.parametrize("column", ["kind", "ts"])
async def test_a_damaged_event_fails_the_reads_of_its_page_only(
    tmp_path: Path, column: str
) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    async with open_sql_log(url) as log:
        await append(log, [draft("a"), draft("b"), draft("c", "dev")])
        with connected(url) as connection:
            damaged = update(events).where(events.c.room == "dev")
            connection.execute(damaged.values({column: literal_column("'nonsense'")}))
        with capture_logs() as lines, pytest.raises(DamagedData):
            await everything(log, "dev")
        assert len(lines) == 1
        assert [event.message for event in await everything(log)] == ["a", "b"]


async def test_damaged_pages_of_the_file_refuse_only_what_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_CHECKED_BYTES", 1)
    path = tmp_path / "chat.db"
    async with open_sql_log(f"sqlite:{path}") as log:
        await append(log, [draft(SECRET * 900, "dev", author=ANN, id="dev")])
        await append(log, [draft("a", author=ANN)])
    overwrite(path, SECRET.encode() * 300)
    async with open_sql_log(f"sqlite:{path}") as log:
        with capture_logs() as lines, pytest.raises(DamagedData, match="the database is damaged"):
            await everything(log, "dev")
        commit = await log.append(
            [edit("dev", "b", room="dev"), draft("b")], [Mark("general", "ann", 1)]
        )
        assert commit.outcomes[0] == Refused(ErrorCode.INTERNAL)
        assert [mark.user for mark in commit.grown] == ["ann"]
        assert isinstance(commit.outcomes[1], Logged)
        assert [event.message for event in await everything(log)] == ["a", "b"]
    assert SECRET not in str(lines)


def overwrite(path: Path, content: bytes) -> None:
    """Overwrite each page of the file that has this content."""
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
        (
            failure(psycopg.OperationalError(f"{SECRET}: Connection refused")),
            "Connection refused",
        ),
        (exc.TimeoutError(SECRET), "all connections to the database are taken"),
    ],
)
def test_a_reason_is_in_our_own_words(error: Exception, words: str) -> None:
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
def test_only_damage_is_no_outage(error: Exception, kind: type[Outage]) -> None:
    with pytest.raises(Outage) as raised, outages():
        raise failure(error)
    assert type(raised.value) is kind
