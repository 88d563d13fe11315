"""Thousands of idle clients take little memory and processor time, and all stay connected."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.bench.process import cpu_seconds, resident_kib
from tests.support.server import ChatServer

SOURCES = ("127.0.0.2", "127.0.0.3")
"""One process of clients at each address, since one alone would hold too many sockets."""

KIB_EACH = 40
SHARE = 0.05
"""The limit of processor time, of a core (issue 3)."""


class Sleepers:
    """Clients in other processes, all joined."""

    def __init__(self, server: ChatServer, count: int, seconds: float) -> None:
        self._processes = [
            subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "tests.stress.load.sleepers",
                        *map(str, server.address),
                    ),
                    *(str(count // len(SOURCES)), source, str(seconds)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for source in SOURCES
        ]
        assert [self._line(each) for each in self._processes] == ["joined\n"] * len(SOURCES)

    @staticmethod
    def _line(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        return process.stdout.readline()

    def sleep(self) -> Counter[str]:
        """Let them sleep, and return their counts."""
        seen: Counter[str] = Counter()
        for each in self._processes:
            assert each.stdin is not None
            each.stdin.write("sleep\n")
            each.stdin.flush()
        for each in self._processes:
            seen += json.loads(self._line(each))
        return seen

    def end(self) -> None:
        """End their processes."""
        for each in self._processes:
            with each:
                each.kill()


@contextmanager
def asleep(server: ChatServer, count: int, seconds: float) -> Iterator[Sleepers]:
    """Run idle clients."""
    with ExitStack() as stack:
        sleepers = Sleepers(server, count, seconds)
        stack.callback(sleepers.end)
        yield sleepers


@pytest.mark.parametrize(
    ("count", "seconds", "settings"),
    [
        # With six times as many pings, they cost as much as 6,000.
        pytest.param(1000, 10, ("--ping-interval", "5", "--heartbeat-interval", "10"), id="1,000"),
        pytest.param(
            10_000,
            60,
            ("--max-connections", "20000"),
            id="10,000",
            marks=[pytest.mark.load, pytest.mark.timeout(600)],
        ),
    ],
)
def test_idle_clients_cost_little_and_stay_connected(
    count: int, seconds: float, settings: tuple[str, ...]
) -> None:
    quiet = ("--upgrade-rate", "0", "--log-level", "warning")
    with ChatServer(*quiet, *settings) as server:
        kib = resident_kib(server.pid)
        with asleep(server, count, seconds) as sleepers:
            took = cpu_seconds(server.pid)
            seen = sleepers.sleep()
            share = (cpu_seconds(server.pid) - took) / seconds
            each = (resident_kib(server.pid) - kib) / count
            sys.stderr.write(f"{count} idle: {each:.1f} KiB each, {share:.1%} of a core, {seen}\n")
        assert seen["ended"] == 0
        assert seen["pings"] >= count
        assert each <= KIB_EACH
        assert share < SHARE
