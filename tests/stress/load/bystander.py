"""A client at another address and in another room, which measures its own service under load.

    python -m tests.stress.load.bystander HOST PORT

Every 30 ms it sends a message and measures the time to its ack; twice a second it requests
``/readyz``. After a line of input it prints the measurements as one JSON object. As a process of
its own it does not share processor time with the attackers.
"""

import json
import select
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field

from tests.bench.process import resident_kib
from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import plain_head
from tests.support.server import ChatServer

ADDRESS = "127.0.0.9"
ROOM = "bystander"
PAUSE_SECONDS = 0.03
READY_SECONDS = 0.5
SAMPLE_SECONDS = 0.05


@define
class Figures:
    """The measurements of a bystander.

    Attributes:
        round_trips_ms: The times from each message to its ack.
        refused: The codes of the errors received.
        unready: The number of answers of ``/readyz`` other than 200.
        grown_mib: The peak growth of the server's memory.
    """

    round_trips_ms: list[float] = field(factory=list)
    refused: list[str] = field(factory=list)
    unready: int = 0
    grown_mib: float = 0.0

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of the round trips."""
        return statistics.quantiles(self.round_trips_ms, n=20)[18]

    def line(self, what: str) -> str:
        """Return all figures as one line."""
        took = self.round_trips_ms
        return (
            f"{what}: bystander p50 {statistics.median(took):.0f}, p95 {self.p95_ms:.0f}, "
            f"max {max(took):.0f} ms ({len(took)} messages), refused {len(self.refused)}, "
            f"not ready {self.unready}; memory +{self.grown_mib:.0f} MiB\n"
        )


@contextmanager
def bystander(server: ChatServer, what: str) -> Iterator[Figures]:
    """Run a bystander during the block, and print its figures at the end.

    Yields:
        The figures, complete when the block has ended.
    """
    figures = Figures()
    command = [sys.executable, "-m", "tests.stress.load.bystander", *map(str, server.address)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    over = threading.Event()
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "joined\n"
            before = resident_kib(server.pid)

            def sample() -> None:
                while not over.wait(SAMPLE_SECONDS):
                    grown = (resident_kib(server.pid) - before) / 1024
                    figures.grown_mib = max(figures.grown_mib, grown)

            sampler = threading.Thread(target=sample)
            sampler.start()
            try:
                yield figures
            finally:
                over.set()
                sampler.join()
            process.stdin.write("over\n")
            process.stdin.flush()
            seen = json.loads(process.stdout.readline())
        finally:
            process.kill()
    figures.round_trips_ms = seen["round_trips_ms"]
    figures.refused = seen["refused"]
    figures.unready = seen["unready"]
    sys.stderr.write(figures.line(what))


def watch(host: str, port: int) -> dict[str, Any]:
    """Chat until a line of input, and return the measurements."""
    with (
        RawConnection((host, port), source=ADDRESS) as chat,
        RawConnection((host, port), source=ADDRESS) as health,
    ):
        chat.upgrade()
        hello = {"type": "hello", "v": 2, "username": "bystander", "rooms": {ROOM: {}}}
        chat.push(text(json.dumps(hello)))
        while chat.read_event()["type"] != "joined":
            pass
        print("joined", flush=True)
        round_trips_ms: list[float] = []
        refused: list[str] = []
        unready = number = 0
        asked_at = 0.0
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            number += 1
            message = {"type": "message", "room": ROOM, "message": "hi", "ref": str(number)}
            began = time.perf_counter()
            chat.push(text(json.dumps(message)))
            while (event := chat.read_event()).get("ref") != str(number):
                pass
            round_trips_ms.append((time.perf_counter() - began) * 1000)
            if event["type"] == "error":
                refused.append(event["code"])
            if time.monotonic() >= asked_at + READY_SECONDS:
                asked_at = time.monotonic()
                health.push(plain_head(b"/readyz"))
                unready += health.read_response().status != 200
    return {"round_trips_ms": round_trips_ms, "refused": refused, "unready": unready}


if __name__ == "__main__":
    print(json.dumps(watch(sys.argv[1], int(sys.argv[2]))), flush=True)
