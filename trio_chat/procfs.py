"""Metrics of this process, from Linux' ``/proc``.

The client library has a collector of the same metrics. It lists all descriptors to count them,
which blocks the event loop for 20 ms with 10,000 connections. It also fails where systemd hides
``/proc/stat`` (``ProcSubset=pid``).
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_SELF: Final = Path("/proc/self")

# The start time is field 22 of /proc/self/stat; we split behind field 2, proc_pid_stat(5).
_START_TICKS: Final = 22 - 3


class ProcessCollector(Collector):
    """Collects memory, CPU time, descriptors and start time; without /proc, a part of them.

    Args:
        proc: The folder of this process in /proc.
    """

    def __init__(self, proc: Path = _SELF) -> None:
        self._proc = proc
        self._started = _start_time(proc)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the metrics, for the registry."""
        yield CounterMetricFamily(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds.",
            value=time.process_time(),
        )
        if self._started is not None:
            yield GaugeMetricFamily(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                value=self._started,
            )
        yield from self._memory()
        yield from self._descriptors()

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the same as `collect`."""
        return self.collect()

    def _memory(self) -> Iterator[GaugeMetricFamily]:
        with suppress(OSError):
            pages = (self._proc / "statm").read_text().split()
            page_bytes = resource.getpagesize()
            yield GaugeMetricFamily(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
                value=int(pages[0]) * page_bytes,
            )
            yield GaugeMetricFamily(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                value=int(pages[1]) * page_bytes,
            )

    def _descriptors(self) -> Iterator[GaugeMetricFamily]:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield GaugeMetricFamily(
            "process_max_fds", "Maximum number of open file descriptors.", value=most
        )
        with suppress(OSError):
            # The number of descriptors since Linux 6.2; 0 before.
            if count := (self._proc / "fd").stat().st_size:
                yield GaugeMetricFamily(
                    "process_open_fds", "Number of open file descriptors.", value=count
                )


def _start_time(proc: Path) -> float | None:
    try:
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    since_boot = int(fields[_START_TICKS]) / os.sysconf("SC_CLK_TCK")
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)
