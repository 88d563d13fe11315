"""Runs cases against the server."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.stress.autobahn.verdicts import Verdicts
from tests.support.process import TRIO_CHAT
from tests.support.server import ChatServer

SETTINGS = (
    *("--compression", "on"),
    *("--max-frame-bytes", str(32 << 20)),  # group 9 sends messages of 16 MiB
    *("--upgrade-rate", "0"),  # every case is a connection, all from one address
    *("--ping-interval", "3600"),  # an unexpected ping fails a case
    *("--pong-timeout", "3600"),
    *("--log-level", "warning"),
)

KOSOKU = "import sys; from kosoku._cli import main; sys.exit(main())"
"""The package has no ``__main__``; its script is on the path in an active venv only."""

DOTS_OF_A_CASE = 2


def run(groups: Mapping[str, int], *, program: Iterable[str] = TRIO_CHAT) -> Verdicts:
    """Run all cases of these groups, and return the report of the runner.

    Args:
        groups: Their numbers, such as ``6``, ``6.3`` or ``12.1.1``, with the count of their cases.
        program: The arguments of Python that run a server.

    Raises:
        OSError: The runner wrote no report.
    """
    patterns = (group if group.count(".") == DOTS_OF_A_CASE else f"{group}.*" for group in groups)
    includes = [argument for pattern in patterns for argument in ("-i", pattern)]
    with TemporaryDirectory() as folder, ChatServer(*SETTINGS, program=program) as server:
        command = [sys.executable, "-c", KOSOKU, server.url("/ws/echo"), "-o", folder, *includes]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return Verdicts.read(Path(folder, "index.json"), groups)
