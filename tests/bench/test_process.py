import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench.process import cpu_seconds

BURN = """
import os, sys
while (used := os.times()).user < 0.05 or used.system < 0.05:
    sum(range(1000)), os.urandom(1 << 14)
print(used.user + used.system, flush=True)
sys.stdin.read()
"""
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
"""


@pytest.fixture
def stopped(request: pytest.FixtureRequest) -> Iterator[tuple[int, float]]:
    """A stopped process, and the user and system time that it or its child has used."""
    command = [sys.executable, "-c", request.param]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        used = float(process.stdout.readline())
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        yield process.pid, used
        # Its child reads the end of its input, and ends.
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("stopped", [BURN, PARENT], indirect=True, ids=["own", "of a child"])
def test_the_time_of_a_server_includes_system_mode_and_children(stopped: tuple[int, float]) -> None:
    pid, used = stopped
    # What it reports is in whole ticks; half of it was in system mode.
    assert cpu_seconds(pid) > 0.9 * used
