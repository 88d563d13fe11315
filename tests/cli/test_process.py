"""The command line as a process: what only shows there."""

import subprocess
import sys
from pathlib import Path

TIMEOUT_SECONDS = 30


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trio_chat", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=TIMEOUT_SECONDS,
    )


def test_the_module_runs_the_command_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bad_value_ends_the_process_with_2_and_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--port", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "trio-chat: --port must be a whole number from 0 to 65535, not 'x'"
    ]
