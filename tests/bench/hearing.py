"""What the way over Redis costs a node, without what the hub does then.

This file is the node as well: a backplane, a listener and an inbox, and a task that empties it. It
runs from any checkout of trio_chat: ``python tests/bench/hearing.py URL``.
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

import structlog
import trio

from tests.bench.table import markdown
from trio_chat.backplane.address import read_address
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.hub.clocks import Clocks
from trio_chat.hub.foreign import ForeignNodes
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.listener import HubListener
from trio_chat.metrics import Metrics
from trio_chat.protocol.events import Event, Kind
from trio_chat.protocol.nodes import Envelope, Happened, pack

CHANNEL: Final = "bench"
EPOCH: Final = "e"

SINGLE: Final = 300
"""Messages that come one by one."""

PAUSE_SECONDS: Final = 0.004
"""Between two of them: the node has gone to sleep again."""

BURSTS: Final = 5
BURST: Final = 500
BURST_PAUSE_SECONDS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Hearing:
    """Processor time of a node for a message, in microseconds.

    Attributes:
        publishing: To publish one, and to drop its echo.
        hearing: To hear one, up to the hub's turn.
        in_bursts: The same, of many that come at once.
    """

    publishing: float
    hearing: float
    in_bursts: float


@dataclass(frozen=True, slots=True)
class Way:
    """What Redis adds to one message, in microseconds of processor time.

    Attributes:
        extra: Two nodes joined by Redis, less one that is alone.
        parts: What a node takes for it without its hub.
    """

    extra: float
    parts: Hearing


WAY: Final[Mapping[str, Callable[[Way], float]]] = {
    "extra, one sender": lambda way: way.extra,
    "publishing one, and its echo": lambda way: way.parts.publishing,
    "hearing one, up to the turn": lambda way: way.parts.hearing,
    "hearing one of many": lambda way: way.parts.in_bursts,
}

WAY_LEGEND: Final = f"""\
Processor time for a message, medians over the rounds. *Extra*: one sender sends its next message
when the `ack` of the last is there; the time of two nodes that Redis joins, less that of one node
without. *Publishing*, *hearing*: of a node without a hub, {SINGLE} messages {PAUSE_SECONDS * 1e3:g}
ms apart; *of many*: {BURST} at once. All but *extra* leave out the hub's turn."""


def compared(ways: Sequence[Sequence[Way]]) -> str:
    """Make a table of the rounds of one checkout, or of an older one and this one."""
    head = ("over Redis", "µs") if len(ways) == 1 else ("over Redis", "before µs", "µs", "times")
    lines = []
    for name, of in WAY.items():
        medians = [statistics.median(map(of, rounds)) for rounds in ways]
        line = [name, *(f"{one:,.0f}" for one in medians)]
        lines.append(line if len(medians) == 1 else [*line, f"{medians[1] / medians[0]:.2f}"])
    return markdown(head, lines)


def hearing(port: int, folder: Path) -> Hearing:
    """Measure.

    Args:
        port: Of a Redis on this machine.
        folder: The checkout of trio_chat that the node runs from.
    """
    with (
        _node(port, folder) as process,
        socket.create_connection(("127.0.0.1", port)) as publisher,
    ):
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
    command = [sys.executable, "-P", __file__, f"redis://127.0.0.1:{port}"]
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
    """The processor time of the node so far, as it says itself."""
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


# --- the node ------------------------------------------------------------------------------------


def _payload(number: int) -> bytes:
    now_ms = int(time.time() * 1000)
    text = "hello there, how are you today?"
    event = Event(number, f"event-{number:016}", "general", Kind.MESSAGE, "ann", text, now_ms)
    return pack(Envelope("another", number, (Happened((event,)),), EPOCH, now_ms))


async def _run(url: str) -> None:
    metrics, inbox = Metrics(), Inbox()
    backplane = RedisBackplane(read_address(url), CHANNEL, metrics)
    foreign = ForeignNodes(lambda: EPOCH, trio.lowlevel.checkpoint, metrics)
    clocks = Clocks(lambda: int(time.time() * 1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_empty, inbox)
        nursery.start_soon(backplane.run, HubListener(inbox, metrics, foreign, clocks))
        while backplane.trouble is not None:  # noqa: ASYNC110 - it is no part of the measure
            await trio.sleep(0.01)
        print(_payload(0).decode(), flush=True)
        published = await _used_by(backplane)
        print((published - await _used_by(None)) / SINGLE * 1e6, flush=True)
        while await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            print(time.process_time(), flush=True)
        nursery.cancel_scope.cancel()


async def _used_by(backplane: RedisBackplane | None) -> float:
    """Processor time of publishing one by one, or of the pauses alone."""
    before = time.process_time()
    for number in range(SINGLE):
        if backplane is not None:
            backplane.publish(_payload(number))
        await trio.sleep(PAUSE_SECONDS)
    return time.process_time() - before


async def _empty(inbox: Inbox) -> None:
    with inbox:
        while True:
            await inbox.take()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(_run, sys.argv[1])
