"""The figures of the process, and those that remain without ``/proc``."""

import os
import time
from pathlib import Path

from trio_chat.procfs import ProcessCollector


def figures(collector: ProcessCollector) -> dict[str, float]:
    return {
        sample.name: sample.value for family in collector.collect() for sample in family.samples
    }


def test_metrics_describe_this_process() -> None:
    shown = figures(ProcessCollector())
    assert 0 < shown["process_cpu_seconds_total"] < 1e6
    assert time.time() - 86_400 < shown["process_start_time_seconds"] < time.time()
    assert 1e6 < shown["process_resident_memory_bytes"] < shown["process_virtual_memory_bytes"]
    assert shown["process_max_fds"] > 3


def test_descriptors_are_counted_where_the_kernel_does_it() -> None:
    shown = figures(ProcessCollector())
    counted = Path("/proc/self/fd").stat().st_size
    assert shown.get("process_open_fds", 0) in range(max(0, counted - 3), counted + 4)


def test_without_proc_some_metrics_remain(tmp_path: Path) -> None:
    assert figures(ProcessCollector(tmp_path)).keys() == {
        "process_cpu_seconds_total",
        "process_max_fds",
    }


def test_the_name_of_the_program_does_not_matter(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK") * 5
    (tmp_path / "stat").write_text(f"1 (a) b) S {'0 ' * 18}{ticks} 0\n")
    started = figures(ProcessCollector(tmp_path))["process_start_time_seconds"]
    assert abs(started - (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + 5)) < 1
