"""Foreign servers that tests start. They end with the tests, even when the tests are killed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from tests.support.waiting import PATIENCE_SECONDS

# A shell that ends the server when its own standard input ends: on `stop`, and when the tests'
# process is gone. It continues the server first, since a stopped process handles no signal.
_KEEPER: Final = (
    '"$@" & server=$!; cat >/dev/null; kill -CONT $server; kill -{signal} $server; wait $server'
)


def find_program(*names: str, package: str, folders: Sequence[Path] = ()) -> str:
    """Return the path of the first program that is installed.

    Raises:
        AssertionError: None is. Skipped tests would look green.
    """
    # Only the PATH of root has /usr/sbin.
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/bin:/usr/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise AssertionError(f"no {names[0]} here; on Debian: apt-get install {package}")


@define(eq=False)
class Daemon:
    """The process of a foreign server, below a shell that ends it."""

    _keeper: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Whether it has started and not stopped since."""
        return self._keeper is not None

    def run_process(
        self,
        command: Sequence[str],
        output: Path,
        *,
        folder: Path,
        user: str | None = None,
        signal: str = "TERM",
    ) -> None:
        """Start the process; its output is appended to a file, and the named signal ends it."""
        with output.open("ab") as file:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER.format(signal=signal), "sh", *command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                user=user,
                cwd=folder,
            )

    def start(self) -> None:
        """Start it, and wait until it serves."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it and wait for its end; connections are cut. Nothing happens if it has stopped."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait(PATIENCE_SECONDS)

    def restart(self) -> None:
        """Stop it and start it again, on the same port."""
        self.stop()
        self.start()
