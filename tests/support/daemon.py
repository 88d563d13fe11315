"""Foreign servers that tests start. They end with the tests, even when the tests are killed."""

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


@define(eq=False)
class Daemon:
    """The process of a foreign server, below a shell that ends it.

    Attributes:
        signal: The name of the signal that ends it, e.g. ``TERM``.
    """

    signal: str = "TERM"
    _keeper: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Whether it has started and not stopped since."""
        return self._keeper is not None

    @property
    def pid(self) -> int:
        """The process id of the shell: the server and its processes are below."""
        assert self._keeper is not None
        return self._keeper.pid

    def start(
        self, command: Sequence[str], store: Path, *, folder: Path, user: str | None = None
    ) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            store: What it writes goes to the end of this file.
            folder: Its working directory.
            user: Its user, if not the one of the tests.
        """
        with store.open("ab") as output:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER.format(signal=self.signal), "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                user=user,
                cwd=folder,
            )

    def stop(self) -> None:
        """Stop it and wait for its end. Nothing happens if it has stopped."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait(PATIENCE_SECONDS)
