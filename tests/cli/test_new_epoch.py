"""``trio-chat new-epoch``: one line on stdout and a new epoch, or one line on stderr."""

from pathlib import Path

import pytest
import trio

from tests.cli.conftest import CommandLine
from tests.contracts.drafts import append, draft, everything
from tests.support.postgres import Cluster
from trio_chat.cli.new_epoch import take_new_epoch
from trio_chat.errors import Outage, StartError
from trio_chat.store.sql.opened import open_sql_store
from trio_chat.store.sql.store import SqlStore

URL = "sqlite:chat.db"


@pytest.fixture
def line(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line that leaves the configuration of log lines unchanged."""
    monkeypatch.setattr("trio_chat.cli.new_epoch.configure", lambda *_: None)
    return command_line


async def store_of(*texts: str) -> tuple[str, list[str]]:
    """Append messages, and return the epoch and all texts."""
    async with open_sql_store(URL) as store:
        if texts:
            await append(store, [draft(text) for text in texts])
        return store.epoch, [event.message for event in await everything(store)]


def test_new_epoch_changes_no_message(line: CommandLine) -> None:
    begun, _ = trio.run(store_of, "a", "b")
    printed = line.output("new-epoch", "--store", URL)
    epoch, texts = trio.run(store_of)
    assert epoch != begun
    assert printed == f"The store has the epoch {epoch}\n"
    assert texts == ["a", "b"]


async def test_nodes_that_share_the_database_take_the_epoch(cluster: Cluster) -> None:
    url = cluster.emptied_url()
    async with open_sql_store(url, exclusive=False) as store:
        begun = store.epoch
        epoch = await take_new_epoch(url)
        await store.check()
        assert store.epoch == epoch != begun


async def test_new_epoch_is_refused_while_a_server_runs(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    async with open_sql_store(url):
        with pytest.raises(StartError, match="one store, one server"):
            await take_new_epoch(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [("memory:", "gets a new epoch at each start"), (URL, "no store at sqlite:")],
)
def test_new_epoch_is_refused_without_a_store(line: CommandLine, url: str, message: str) -> None:
    assert message in line.refusal("new-epoch", "--store", url)
    assert list(Path().iterdir()) == []


def test_a_failed_new_epoch_is_one_line(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: SqlStore, known: str) -> str:
        raise Outage(f"no space left for {known}")

    trio.run(store_of)
    monkeypatch.setattr(SqlStore, "take_new_epoch", fail)
    message = "the store has no new epoch: no space left"
    assert line.refusal("new-epoch", "--store", URL).startswith(message)
