"""Resources used by a server and by the whole machine, read from Linux."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROCESS_CLOCK = 2
"""CPUCLOCK_SCHED in the kernel: user and system time of all threads, the ended ones too, in
nanoseconds."""


def tree(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    pids = [pid]
    for parent in pids:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            pids.extend(int(child) for child in children.read_text().split())
    return pids


def cpu_seconds(pid: int) -> float:
    """Return the processor time (utime + stime) of a process tree so far.

    The clocks of the processes give the same sum as /proc/PID/stat, which rounds it to 10 ms: as
    much as a small room takes in a second.
    """
    return sum(time.clock_gettime_ns((~each << 3) | PROCESS_CLOCK) for each in tree(pid)) / 1e9


def machine_seconds() -> float:
    """Return the busy processor time of the whole machine so far, all cores together.

    It includes time taken by the host (steal), which disturbs a measurement like another process.
    """
    fields = Path("/proc/stat").read_text().split(maxsplit=9)
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Return the memory of a process tree in RAM, in KiB."""
    return sum(_resident_kib(each) for each in tree(pid))


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Neighbours:
    """Measures the processor time of all other processes, from its creation.

    Args:
        measured: Returns the processor time of the measured processes so far. This process, the
            load generator, does not count either.
    """

    def __init__(self, measured: Callable[[], float]) -> None:
        self._measured = measured
        self._before = self._others()
        self._begun = time.monotonic()

    def cores(self) -> float:
        """Return the average number of cores used."""
        used = self._others() - self._before
        return max(0.0, used / (time.monotonic() - self._begun))

    def _others(self) -> float:
        return machine_seconds() - time.process_time() - self._measured()
