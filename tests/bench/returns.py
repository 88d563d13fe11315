"""Measures how thousands of clients return after a restart, by `tests.stress.load`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.figures import Figures, Results, Timing
from tests.bench.load import LoadError
from tests.bench.starting import Probe, Scratch
from tests.stress.load.returning import TEAM, return_all

CLIENTS: Final = 10_000
TO_TEAMS: Final = f"{CLIENTS:,} return in 10 s to {CLIENTS // TEAM} rooms"
TO_ONE: Final = f"{CLIENTS:,} return in 10 s to one room"


def _returns(scratch: Scratch, _checkout: Path) -> Callable[[Timing], Results]:
    return lambda _timing: {
        title: _returned(scratch, rooms)
        for title, rooms in ((TO_TEAMS, CLIENTS // TEAM), (TO_ONE, 1))
    }


def _returned(scratch: Scratch, rooms: int) -> Figures:
    returned = return_all(CLIENTS, rooms, f"sqlite:{scratch.new_folder() / 'chat.db'}")
    if returned.failed:
        raise LoadError(f"{len(returned.failed)} clients failed: {returned.failed[0]}")
    return Figures(
        cpu_us=returned.server_us,
        joined_seconds=returned.last,
        bystander_p95_ms=returned.bystander.p95_ms,
    )


RETURNS: Final = Probe("returns", "trio_chat, SQLite", frozenset({"RETURN"}), _returns)
