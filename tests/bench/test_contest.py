"""What takes part, and with which command line."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.contest import NAMES, entrants, label
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


def test_only_those_that_take_part_in_a_measure_are_prepared(scratch: Scratch) -> None:
    found, missing = entrants(NAMES, ["JOIN"], scratch)
    assert ({each.name for each in found}, missing) == ({"trio_chat", "sqlite"}, {})


def test_an_older_checkout_follows_each_of_ours(scratch: Scratch, older: Path) -> None:
    found, _ = entrants(["trio_chat", "floor"], ["ROOM10"], scratch, older)
    names = [each.name for each in found]
    assert names == ["trio_chat", "trio_chat_before", "floor"]
    assert label(names[1]) == "trio_chat, memory, before"


def test_an_older_checkout_is_spared_the_flags_that_it_does_not_know(older: Path) -> None:
    command = ["python3", "-m", "trio_chat", "--port", "0", "--new-flag", "1"]
    assert known_flags(command, older) == command[:5]


def test_an_older_checkout_that_does_not_run_is_missing(tmp_path: Path) -> None:
    (tmp_path / "trio_chat").mkdir()
    (tmp_path / "trio_chat" / "__init__.py").write_text("raise ImportError", encoding="utf-8")
    with pytest.raises(NotHereError, match="does not run"):
        known_flags([sys.executable, "-m", "trio_chat"], tmp_path)


@pytest.mark.parametrize("name", ["bare_sqlite", "redis_streams"])
def test_a_bare_store_commits_for_one_and_for_many(scratch: Scratch, name: str) -> None:
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
