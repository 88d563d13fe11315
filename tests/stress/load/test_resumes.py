"""Many clients of one address resume a room of long messages without delay for a bystander."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.blackbox.speaker import Speaker
from tests.stress.load.bystander import bystander
from tests.stress.load.resumers import ROOM
from tests.support.server import ChatServer

MESSAGES = 500
BEHIND = 490
SECONDS = 10.0

P95_MS = 100
GROWN_MIB = 50
"""Issue 10, C 13: the limits for the round trips of the bystander and the server's memory."""

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "0", "--log-level", "warning")


def fill(server: ChatServer) -> tuple[int, str]:
    """Fill the large room, and return its head and epoch."""
    filler = Speaker(server.url(), "filler", ROOM)
    (joined,) = filler.arrive()
    for number in range(MESSAGES):
        filler.ask("message", room=ROOM, message=f"{number:04}{'a' * 4000}")
    filler.leave()
    return joined["head"] + 1 + MESSAGES, joined["epoch"]


@pytest.mark.load
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["memory:", "sqlite"])
@pytest.mark.parametrize("count", [20, 200, 800])
def test_resumes_of_a_large_room_do_not_delay_a_bystander(
    count: int, store: str, tmp_path: Path
) -> None:
    where = store if store == "memory:" else f"sqlite:{tmp_path / 'chat.db'}"
    with ChatServer(*SETTINGS, "--store", where) as server:
        head, epoch = fill(server)
        known = (str(head - BEHIND), epoch, str(SECONDS))
        command = [sys.executable, "-m", "tests.stress.load.resumers", *map(str, server.address)]
        clients = subprocess.Popen(
            [*command, str(count), *known], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with clients:
            try:
                assert clients.stdout is not None
                assert clients.stdin is not None
                assert clients.stdout.readline() == "joined\n"
                with bystander(server, f"{count} resumers, {store}") as figures:
                    clients.stdin.write("attack\n")
                    clients.stdin.flush()
                    received = int(clients.stdout.readline())
            finally:
                clients.kill()
        sys.stderr.write(f"  the clients received {received / SECONDS / 2**20:.0f} MiB/s\n")
        assert figures.refused == []
        assert figures.unready == 0
        assert figures.grown_mib <= GROWN_MIB
        assert figures.p95_ms <= P95_MS
