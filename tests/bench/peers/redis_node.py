"""A node without a hub: a backplane, a listener and an inbox, and a task that empties it.

It runs from any checkout of trio_chat, and so needs nothing of the tests:
``python -P tests/bench/peers/redis_node.py URL``. First it prints the payload of a message, and
what it takes to publish one, in microseconds; then its processor time for each line that it reads.
"""

import sys
import time
from functools import partial
from typing import Final

import structlog
import trio

from trio_chat.backplane.address import read_address
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.cluster.clocks import Clocks
from trio_chat.cluster.cluster import Cluster
from trio_chat.cluster.envelope import Envelope, EventsStored, pack
from trio_chat.cluster.foreign import ForeignNodes
from trio_chat.cluster.receiver import BackplaneReceiver
from trio_chat.context import Context
from trio_chat.hub.inbox import Inbox
from trio_chat.hub.requests import InTurn
from trio_chat.metrics import Metrics
from trio_chat.protocol.events import Event, Kind
from trio_chat.settings import Settings
from trio_chat.store.memory import MemoryStore

CHANNEL: Final = "bench"
EPOCH: Final = "e"

SINGLE: Final = 300
"""Messages that come one by one."""

PAUSE_SECONDS: Final = 0.004
"""Between two of them: the node has gone to sleep again."""


def payload(number: int) -> bytes:
    now_ms = int(time.time() * 1000)
    text = "hello there, how are you today?"
    event = Event(number, f"event-{number:016}", "general", Kind.MESSAGE, "ann", text, now_ms)
    return pack(Envelope("another", number, (EventsStored((event,)),), EPOCH, now_ms))


async def _run(url: str) -> None:
    metrics, inbox = Metrics(), Inbox()
    backplane = RedisBackplane(read_address(url), CHANNEL, metrics)
    foreign = ForeignNodes(lambda: EPOCH, trio.lowlevel.checkpoint, metrics)
    clocks = Clocks(lambda: int(time.time() * 1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_empty, inbox)
        context = Context(Settings(), metrics, lambda: 0, str)
        cluster = Cluster("bench", backplane, MemoryStore(), context)
        receiver = BackplaneReceiver(inbox, cluster, metrics, foreign, clocks)
        nursery.start_soon(backplane.run, receiver)
        while backplane.last_error is not None:  # noqa: ASYNC110 - it is no part of the measure
            await trio.sleep(0.01)
        print(payload(0).decode(), flush=True)
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
            backplane.publish(payload(number))
        await trio.sleep(PAUSE_SECONDS)
    return time.process_time() - before


async def _empty(inbox: Inbox) -> None:
    with inbox:
        while True:
            for request in await inbox.take():
                if isinstance(request, InTurn) and isinstance(request.decide, partial):
                    _, done = request.decide.args
                    done()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(_run, sys.argv[1])
