"""One client that stops reading, in a room of 200 that continues to chat."""

import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench.joining import Address, join
from tests.bench.load import Room
from tests.bench.process import cpu_seconds
from tests.support.frames import CLOSE
from tests.support.raw import RawConnection, joined
from tests.support.server import ChatServer

OTHERS = 199
SENDERS = 10
SAMPLERS = 20
PER_SECOND = 200.0
"""Messages a second: 40,000 deliveries, about a third of a core."""

SETTINGS = (
    *("--message-rate", "0", "--frame-rate", "0", "--upgrade-rate", "0", "--log-level", "warning"),
    # So that the kernel soon buffers no more for the frozen client.
    *("--send-buffer-bytes", "4096"),
)

SLOWER_AT_MOST = 1.2
"""The p99 of the others with a frozen client, divided by that without (issue 3)."""

ROUNDS = 9


@contextmanager
def room(*, frozen: bool) -> Iterator[tuple[Room, RawConnection | None]]:
    """Yield 199 clients of a new server, and perhaps one that does not read."""
    with ChatServer(*SETTINGS) as server, Room(lambda: cpu_seconds(server.pid)) as others:
        join(others, Address(*server.address), OTHERS, 60.0)
        others.appoint(SENDERS, SAMPLERS)
        if not frozen:
            yield others, None
            return
        with joined(server.address, "frozen", receive_buffer_bytes=4096) as one:
            yield others, one


def close_code(frozen: RawConnection) -> int | None:
    """Return the code of the close frame, which follows the frames sent before."""
    while (taken := frozen.read_frame()) is not None:
        if taken.opcode == CLOSE:
            return taken.close_code
    return None


def test_a_frozen_client_is_dropped_and_the_others_miss_nothing() -> None:
    with room(frozen=True) as (others, frozen):
        assert frozen is not None
        window = others.fixed_rate(PER_SECOND, 0.0, 4.0)
        assert others.settle() == 0
        assert window.deliveries > 0
        assert others.closed == 0
        assert close_code(frozen) == 4002


def p99_us(*, frozen: bool) -> float:
    """Return the p99 of the others while the server drops a client that stopped reading."""
    with room(frozen=frozen) as (others, one):
        window = others.fixed_rate(PER_SECOND, 0.5, 4.0)
        assert others.settle() == 0
        assert one is None or close_code(one) == 4002
    return statistics.quantiles(window.latencies_us, n=100)[98]


@pytest.mark.load
@pytest.mark.timeout(600)
def test_a_frozen_client_hardly_delays_the_others() -> None:
    ratios = []
    for number in range(ROUNDS):
        # The second measurement has a warmer machine, so the order alternates.
        order = (True, False) if number % 2 else (False, True)
        p99 = {frozen: p99_us(frozen=frozen) for frozen in order}
        ratios.append(p99[True] / p99[False])
        sys.stderr.write(f"p99 {p99[True]:.0f} µs with, {p99[False]:.0f} µs without\n")
    sys.stderr.write(f"median of the ratios: {statistics.median(ratios):.3f}\n")
    assert statistics.median(ratios) <= SLOWER_AT_MOST
