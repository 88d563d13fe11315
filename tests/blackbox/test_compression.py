"""The cost of permessage-deflate (RFC 7692)."""

import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.server import ChatServer

from .deflated import OFFER, deflated, message, zeros
from .witness import Bystander

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "0", "--max-user-connections", "1000")

LONG = "the same words again and again, " * 20
MIB = 1 << 20


def status(server: ChatServer, field: str) -> int:
    """Return a field of the server's memory, in bytes."""
    lines = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", lines, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def cpu_seconds(server: ChatServer) -> float:
    """Return the processor time of the server."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_decompression_bombs_cost_little_and_disturb_no_bystander(
    serve: Callable[..., ChatServer],
) -> None:
    # 1 MiB of deflated zeros is below this limit, and inflates to 1 GiB.
    server = serve(*SETTINGS, "--max-frame-bytes", str(2 * MIB))
    bystander = Bystander(server.url())
    bystander.wait_for_round_trip()
    bomb = message(zeros(1 << 30))
    assert len(bomb) < 2 * MIB
    with bystander.watching() as watched:
        _explode(server, bomb)
        memory, computed = status(server, "VmHWM"), cpu_seconds(server)
        for _ in range(30):
            _explode(server, bomb)
        grown, took = status(server, "VmHWM") - memory, cpu_seconds(server) - computed
    bystander.leave()
    assert grown < 16 * MIB
    # Inflated whole it would be half a second for each, 15 in all, and 1 GiB.
    assert took < 5
    assert not watched.of_type("system")


def _explode(server: ChatServer, bomb: bytes) -> None:
    with RawConnection(server.address) as connection:
        connection.upgrade("/ws/echo", OFFER)
        connection.push(bomb)
        assert connection.read_close() == 1009


def test_compression_adds_no_memory_to_an_idle_connection(serve: Callable[..., ChatServer]) -> None:
    grown = {}
    for fields in ((), (OFFER,)):
        server = serve(*SETTINGS)
        with ExitStack() as stack:
            for _ in range(20):  # the first connections import and allocate what all share
                _talk(stack, server, fields)
            before = status(server, "VmRSS")
            for _ in range(200):
                _talk(stack, server, fields)
            grown[fields] = (status(server, "VmRSS") - before) / 200
    # A window each way and a compressor would be 300 KiB.
    assert grown[(OFFER,)] < grown[()] + 20 * 1024


def _talk(stack: ExitStack, server: ChatServer, fields: tuple[bytes, ...]) -> None:
    """Send a long message, so that the server keeps whatever it keeps of one."""
    connection = stack.enter_context(RawConnection(server.address))
    connection.upgrade("/ws/echo", *fields)
    connection.push(message(deflated(LONG.encode())) if fields else text(LONG))
    assert connection.read_frame() is not None
