"""The recipes of docs/how-to/backup.md that restore a backup of the store."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.client import Event, is_message, is_type
from tests.support.postgres import Cluster
from tests.support.process import TRIO_CHAT
from tests.support.server import ChatServer, environment

from .speaker import Rooms, Speaker


@contextmanager
def speaking(server: ChatServer, name: str, *rooms: Rooms) -> Iterator[Speaker]:
    """Connect a client."""
    speaker = Speaker(server.url(), name, *rooms)
    try:
        yield speaker
    finally:
        speaker.drop()


def say(speaker: Speaker, *texts: str) -> list[Event]:
    """Send messages, and return the acknowledgements."""
    return [speaker.ask("message", message=text) for text in texts]


def texts(joined: Event) -> list[str]:
    """Return the texts of the messages in a history."""
    return [event["message"] for event in joined["history"] if event["type"] == "message"]


def new_epoch(store: str) -> str:
    """Run the command of the recipe, and return its line."""
    done = subprocess.run(
        [sys.executable, *TRIO_CHAT, "new-epoch", "--store", store],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_a_client_begins_anew(server: ChatServer, seen: Event, kept: list[str]) -> None:
    """Assert that a client loads a backup anew if it has seen a later event."""
    with speaking(server, "eve") as eve:
        eve.arrive()
        say(eve, *(f"later {number}" for number in range(4)))
    rooms = {"general": {"since": seen["seq"], "epoch": seen["epoch"]}}
    with speaking(server, "ann", rooms) as ann:
        joined = ann.first(is_type("joined"))
        assert joined["epoch"] != seen["epoch"]
        assert joined["head"] > seen["seq"]
        assert joined["recovered"] is False
        assert texts(joined) == [*kept, *(f"later {number}" for number in range(4))]


@pytest.mark.parametrize("has_mark", [True, False])
def test_clients_load_a_restored_sqlite_file_anew(tmp_path: Path, *, has_mark: bool) -> None:
    database, copy = tmp_path / "chat.db", tmp_path / "backup.db"
    store = f"sqlite:{database}"
    with ChatServer("--store", store) as server, speaking(server, "ann") as ann:
        joined = ann.first(is_type("joined"))
        say(ann, "kept")
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("VACUUM INTO ?", [str(copy)])
        (newest,) = say(ann, "lost")
    for name in ("chat.db", "chat.db-wal", "chat.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copy.rename(database)
    if not has_mark:  # as on another machine
        (tmp_path / "chat.db.mark").unlink()
        assert new_epoch(store).startswith("The store has the epoch ")
    with ChatServer("--store", store) as server:
        seen = {**newest, "epoch": joined["epoch"]}
        assert_a_client_begins_anew(server, seen, ["kept"])
        replaced = [line for line in server.log_lines if "store history replaced" in line]
        assert len(replaced) == has_mark


def test_clients_load_a_restored_postgresql_dump_anew(cluster: Cluster) -> None:
    url = cluster.fresh_url()
    with ChatServer("--store", url) as server, speaking(server, "ann") as ann:
        joined = ann.first(is_type("joined"))
        say(ann, "kept")
        dump = cluster.dump(url)
        (newest,) = say(ann, "lost")
    cluster.restore(url, dump)
    new_epoch(url)
    with ChatServer("--store", url) as server:
        assert_a_client_begins_anew(server, {**newest, "epoch": joined["epoch"]}, ["kept"])


def test_all_clients_load_a_database_that_comes_back_older(cluster: Cluster) -> None:
    url = cluster.fresh_url()
    with (
        ChatServer("--store", url) as server,
        speaking(server, "ann") as ann,
        speaking(server, "bob") as bob,
    ):
        begun = ann.first(is_type("joined"))["epoch"]
        bob.first(is_type("joined"))
        say(ann, "kept")
        dump = cluster.dump(url)
        say(ann, "lost")
        bob.first(is_message("lost"))
        cluster.restore(url, dump)
        bob.send(type="message", message="goes on", ref="r")
        for one in (ann, bob):
            joined = one.first(is_type("joined"))
            assert (joined["recovered"], joined["epoch"] != begun) == (False, True)
            assert "ref" not in joined
            shown = texts(joined)
            if "goes on" not in shown:
                one.first(is_message("goes on"))
            assert [text for text in shown if text != "goes on"] == ["kept"]
        (line,) = (line for line in server.log_lines if "store history replaced" in line)
        assert json.loads(line)["level"] == "error"
