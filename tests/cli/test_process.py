"""The command line as a process of its own."""

import subprocess
import sys
from pathlib import Path


def test_a_bad_value_ends_the_process_with_2_and_one_line(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "trio_chat", "--port", "x")
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=30
    )
    assert (done.returncode, done.stdout) == (2, "")
    message = "trio-chat: --port must be a whole number from 0 to 65535, not 'x'\n"
    assert done.stderr == message
