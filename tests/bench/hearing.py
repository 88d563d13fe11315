"""Measures what messages over Redis cost a node, without its hub.

The node is `tests.bench.peers.redis_node`.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.machine import markdown
from tests.bench.peers import redis_node
from tests.bench.peers.redis_node import CHANNEL, PAUSE_SECONDS, SINGLE

BURSTS: Final = 5
BURST: Final = 500
BURST_PAUSE_SECONDS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Hearing:
    """Processor time of a node for a message, in microseconds.

    Attributes:
        publishing: The cost of publishing one and ignoring its echo.
        hearing: The cost of receiving one, without the hub's turn.
        in_bursts: The same for each of many at once.
    """

    publishing: float
    hearing: float
    in_bursts: float


@dataclass(frozen=True, slots=True)
class Way:
    """The extra cost of one message over Redis, in microseconds of processor time.

    Attributes:
        extra: The cost at two nodes joined by Redis, minus that at one node.
        parts: The cost at a node without its hub.
    """

    extra: float
    parts: Hearing


EXTRA: Final = "extra, one sender"
HEARING: Final = "hearing one, up to the turn"
OF_MANY: Final = "hearing one of many"

WAY: Final[Mapping[str, Callable[[Way], float]]] = {
    EXTRA: lambda way: way.extra,
    "publishing one, and its echo": lambda way: way.parts.publishing,
    HEARING: lambda way: way.parts.hearing,
    OF_MANY: lambda way: way.parts.in_bursts,
}

WAY_LEGEND: Final = f"""\
Processor time for a message, medians over the rounds. *Extra*: one sender waits for each `ack`; the
time of two nodes joined by Redis, minus that of one node without. *Publishing*, *hearing*: of a
node without a hub, {SINGLE} messages {PAUSE_SECONDS * 1e3:g} ms apart; *of many*: {BURST} at once.
All but *extra* omit the hub's turn."""


def compared(ways: Sequence[Sequence[Way]]) -> str:
    """Return a table of the rounds of one checkout, or of an older one and this one."""
    head = ("over Redis", "µs") if len(ways) == 1 else ("over Redis", "before µs", "µs", "times")
    lines = []
    for name, of in WAY.items():
        medians = [statistics.median(map(of, rounds)) for rounds in ways]
        line = [name, *(f"{one:,.0f}" for one in medians)]
        lines.append(line if len(medians) == 1 else [*line, f"{medians[1] / medians[0]:.2f}"])
    return markdown(head, lines)


def hearing(port: int, folder: Path) -> Hearing:
    """Measure the cost at a node without its hub.

    Args:
        port: The port of a Redis on this machine.
        folder: The checkout of trio_chat to run.
    """
    with _node(port, folder) as process, socket.create_connection(("127.0.0.1", port)) as publisher:
        command = _publishing(_line(process).rstrip().encode())
        publishing = float(_line(process))
        publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = _used(process)
        for _ in range(SINGLE):
            publisher.sendall(command)
            publisher.recv(64)
            time.sleep(PAUSE_SECONDS)
        single = _used(process) - before
        before = _used(process)
        for _ in range(BURSTS):
            publisher.sendall(command * BURST)
            time.sleep(BURST_PAUSE_SECONDS)
        bursts = _used(process) - before
    return Hearing(publishing, single / SINGLE * 1e6, bursts / (BURSTS * BURST) * 1e6)


@contextmanager
def _node(port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", redis_node.__file__, f"redis://127.0.0.1:{port}"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _used(process: subprocess.Popen[str]) -> float:
    """Return the processor time of the node so far, which it reports itself."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(_line(process))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _publishing(payload: bytes) -> bytes:
    words = (b"PUBLISH", CHANNEL.encode(), b"another-node " + payload)
    return b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
