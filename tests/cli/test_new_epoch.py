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


@pytest.fixture
def line(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line that leaves the configuration of log lines as it is."""
    monkeypatch.setattr("trio_chat.cli.new_epoch.configure", lambda *_: None)
    return command_line


async def epoch_of(url: str, *texts: str) -> str:
    async with open_sql_store(url) as store:
        if texts:
            await append(store, [draft(text) for text in texts])
        return store.epoch


async def texts_of(url: str) -> list[str]:
    async with open_sql_store(url) as store:
        return [event.message for event in await everything(store)]


def test_new_epoch_changes_no_message(
    line: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path}/chat.db"
    begun = trio.run(epoch_of, url, "a", "b")
    assert line("new-epoch", "--store", url) == 0
    epoch = trio.run(epoch_of, url)
    assert epoch != begun
    assert capsys.readouterr() == (f"The store has the epoch {epoch}\n", "")
    assert trio.run(texts_of, url) == ["a", "b"]


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
    ("url", "complaint"),
    [("memory:", "gets a new epoch at each start"), ("sqlite:chat.db", "no store at sqlite:")],
)
def test_new_epoch_is_refused_without_a_store(  # noqa: PLR0913, PLR0917
    line: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert line("new-epoch", "--store", url) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert complaint in err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_new_epoch_is_one_line(
    line: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(_: SqlStore, known: str) -> str:
        raise Outage(f"no space left for {known}")

    url = f"sqlite:{tmp_path}/chat.db"
    trio.run(epoch_of, url)
    monkeypatch.setattr(SqlStore, "take_new_epoch", fail)
    assert line("new-epoch", "--store", url) == 2
    assert "the store has no new epoch: no space left" in capsys.readouterr().err
