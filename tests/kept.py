"""Foreign servers that tests start, and that end with them whatever becomes of the tests."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from tests.blackbox.waiting import PATIENCE_SECONDS

# Ends the server when its standard input does: when we say so, and also when we are no more. It
# is woken first: one that stands still would stay for ever.
_KEEPER: Final = (
    '"$@" & server=$!; cat >/dev/null; kill -CONT $server; kill -{signal} $server; wait $server'
)


@define(eq=False)
class Kept:
    """The process of a server, and one that keeps it.

    Attributes:
        signal: The name of the one that ends it, e.g. ``TERM``.
    """

    signal: str = "TERM"
    _keeper: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and not been stopped since."""
        return self._keeper is not None

    @property
    def pid(self) -> int:
        """Of the one that keeps it: the server and its processes are below."""
        assert self._keeper is not None
        return self._keeper.pid

    def start(
        self, command: Sequence[str], store: Path, *, folder: Path, user: str | None = None
    ) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            store: What it writes goes to the end of this file.
            folder: Where it runs.
            user: Who runs it, if not we.
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
        """Stop it, and wait until it has. Nothing happens if it has stopped."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait(PATIENCE_SECONDS)
