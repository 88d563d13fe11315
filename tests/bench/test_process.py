import os
import signal
import subprocess
import sys
import time
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
    """A process that is stopped, and the user and system time that somebody in it has used."""
    command = [sys.executable, "-c", request.param]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        used = float(process.stdout.readline())
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        yield process.pid, used
        # What it started reads the end of its input, and ends.
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("stopped", [BURN, PARENT], indirect=True, ids=["own", "of a child"])
def test_a_server_s_time_is_that_in_user_and_system_mode(stopped: tuple[int, float]) -> None:
    pid, used = stopped
    # What it reports is in whole ticks; half of it was in system mode.
    assert cpu_seconds(pid) > 0.9 * used


@pytest.mark.parametrize("stopped", [BURN], indirect=True)
def test_what_others_use_is_no_time_of_the_server(stopped: tuple[int, float]) -> None:
    pid, _ = stopped
    before = cpu_seconds(pid)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert cpu_seconds(pid) == before
