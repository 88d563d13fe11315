"""Run nox sessions beside each other on two cores, and show the output of each in one piece."""

import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

_PASSED = re.compile(r"^(?:=+ .*?\b(\d+) passed\b|[#\u2139] pass (\d+)$)", re.MULTILINE)
"""The number of tests in a closing line of pytest or of node."""

_SKIPPED = re.compile(r"^nox > Session \S+ skipped:", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """The outcome of one session.

    Attributes:
        name: Of the session.
        status: The exit status of nox; 0 means success.
        seconds: How long it took, its environment included.
        output: Everything it wrote.
    """

    name: str
    status: int
    seconds: float
    output: str

    @property
    def tests(self) -> int:
        """How many tests passed."""
        return sum(int(pytest or node) for pytest, node in _PASSED.findall(self.output))

    @property
    def figure(self) -> str:
        """Its name and seconds, and whether it failed or did not run."""
        if self.status:
            return f"{self.name} FAILED after {self.seconds:.0f}"
        skipped = _SKIPPED.search(self.output) is not None
        return f"{self.name} {'skipped' if skipped else format(self.seconds, '.0f')}"


class Sessions:
    """Runs sessions and collects their results.

    Args:
        command: Runs one session when its name is appended.
        folder: Receives a file with the output of each session.
    """

    def __init__(self, command: Iterable[str], folder: Path) -> None:
        self._command = tuple(command)
        self._folder = folder
        self._lock = Lock()
        self._began = time.monotonic()
        self._results: list[Result] = []

    @property
    def failed(self) -> list[str]:
        """The names of the sessions that failed."""
        return [result.name for result in self._results if result.status]

    def run(self, names: Mapping[str, int], lines: int) -> None:
        """Run sessions in order, several beside each other.

        Args:
            names: The niceness of each session, by its name.
            lines: How many sessions run at a time.
        """
        waiting = deque(names.items())

        def run_line() -> None:
            while True:
                try:
                    name, niceness = waiting.popleft()
                except IndexError:
                    return
                self._run(name, niceness)

        threads = [Thread(target=run_line) for _ in range(lines)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def report(self) -> str:
        """Show the output of failed sessions, and return one line of figures."""
        for result in self._results:
            if result.status:
                self._show(result)
        total = time.monotonic() - self._began
        tests = sum(result.tests for result in self._results)
        figures = ", ".join(result.figure for result in self._results)
        return f"{tests} tests passed in {total:.0f} s; seconds by session: {figures}"

    def _run(self, name: str, niceness: int) -> None:
        began = time.monotonic()
        with self._lock:
            print(f"--- {name}: started", flush=True)
        file = self._folder / f"{name}.txt"
        with file.open("wb") as output:
            process = subprocess.Popen(
                [*self._command, name],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
            status = process.wait()
        text = file.read_text(encoding="utf-8", errors="replace")
        result = Result(name, status, time.monotonic() - began, text)
        with self._lock:
            self._results.append(result)
            if status:
                print(f"--- {name}: FAILED, its output follows at the end", flush=True)
            else:
                self._show(result)

    @staticmethod
    def _show(result: Result) -> None:
        sys.stdout.write(f"--- {result.figure} s\n{result.output}")
        sys.stdout.flush()
