"""The entrants of the benchmark, and their command lines."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.contest import entrants, label
from tests.bench.figures import Timing
from tests.bench.joining import join
from tests.bench.load import Room
from tests.bench.measures import FIFTY, ONE
from tests.bench.servers import SERVERS, known_flags
from tests.bench.starting import NotHereError, Scratch

OLD = """
import sys
print("--port INT  --message-rate FLOAT")
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path, ExitStack())


@pytest.fixture
def older(tmp_path: Path) -> Path:
    folder = tmp_path / "older"
    (folder / "trio_chat").mkdir(parents=True)
    (folder / "trio_chat" / "__main__.py").write_text(OLD)
    return folder


def test_an_older_checkout_follows_each_of_ours(scratch: Scratch, older: Path) -> None:
    found, missing = entrants(["trio_chat", "floor"], ["ROOM10"], scratch, older)
    names = [each.name for each in found]
    assert (names, missing) == (["trio_chat", "trio_chat_before", "floor"], {})
    assert label(names[1]) == "trio_chat, memory, before"


def test_an_older_checkout_receives_known_flags_only(older: Path) -> None:
    command = ["python3", "-m", "trio_chat", "--port", "0", "--new-flag", "1"]
    assert known_flags(command, older) == command[:5]


def test_an_older_checkout_that_does_not_run_is_missing(tmp_path: Path) -> None:
    (tmp_path / "trio_chat").mkdir()
    (tmp_path / "trio_chat" / "__init__.py").write_text("raise ImportError", encoding="utf-8")
    with pytest.raises(NotHereError, match="does not run"):
        known_flags([sys.executable, "-m", "trio_chat"], tmp_path)


@pytest.mark.parametrize("name", ["bare_sqlite", "redis_streams"])
def test_bare_stores_commit_for_one_and_many_senders(scratch: Scratch, name: str) -> None:
    (bare,), _ = entrants([name], ["ACKS"], scratch)
    results = bare.run("ACKS", Timing(0.0, 0.1))
    assert results.keys() == {ONE.title, FIFTY.title}
    for figures in results.values():
        assert figures.per_second
        assert figures.cpu_us


def test_the_generator_counts_every_copy_over_tls(scratch: Scratch) -> None:
    ready = SERVERS["tls"].ready(scratch)
    with ready.fresh() as server, Room(server.cpu_seconds) as room:
        join(room, server.address, 3, timeout_seconds=10)
        room.appoint(senders=2, samplers=1)
        assert room.closed_loop(warm_up_seconds=0, window_seconds=0.1).deliveries > 0
        assert room.settle() == 0
