"""What a server and the whole machine have used, as Linux tells without asking the server."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROCESS_CLOCK = 2
"""CPUCLOCK_SCHED in the kernel: user and system time of all threads, the ended ones too, in
nanoseconds."""


def tree(pid: int) -> list[int]:
    """The process and all its descendants that live."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            pids.extend(int(child) for child in children.read_text().split())
    return pids


def cpu_seconds(pid: int) -> float:
    """Processor time (utime + stime) of a process tree so far.

    By the processes' own clocks rather than /proc/PID/stat: it is the same sum, but that file
    rounds it to 10 ms, which is as much as a small room takes in a second.
    """
    return sum(time.clock_gettime_ns((~each << 3) | PROCESS_CLOCK) for each in tree(pid)) / 1e9


def machine_seconds() -> float:
    """Processor time of the whole machine so far, all cores together: whatever was not idle.

    Time that the host took away (steal) counts: it is as much in the way of a measurement as a
    neighbour's process.
    """
    fields = Path("/proc/stat").read_text().split(maxsplit=9)
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Memory of a process tree that is in RAM, in KiB."""
    return sum(_resident_kib(each) for each in tree(pid))


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Neighbours:
    """What the machine does besides what is measured, from the moment this is made.

    Args:
        measured: Returns the processor time of what is measured so far. That of this process, which
            is the load generator, is left out by itself.
    """

    def __init__(self, measured: Callable[[], float]) -> None:
        self._measured = measured
        self._before = self._others()
        self._begun = time.monotonic()

    def cores(self) -> float:
        """Return how many cores they have used on average."""
        used = self._others() - self._before
        return max(0.0, used / (time.monotonic() - self._begun))

    def _others(self) -> float:
        return machine_seconds() - time.process_time() - self._measured()
