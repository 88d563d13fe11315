"""A crowd: many users who read all that comes and keep nothing of it."""

import contextlib
import selectors
import threading
from types import TracebackType
from typing import Self

from tests.support.raw import Address, RawConnection, joined


class Crowd:
    """Users in the room, drained by one thread, so that none of them is a slow reader.

    Args:
        address: Where the server listens.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.members: list[RawConnection] = []
        self._gone = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._drainer = threading.Thread(target=self._drain, daemon=True)

    def __enter__(self) -> Self:
        self._drainer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gone.set()
        self._drainer.join()
        self._selector.close()
        for member in self.members:
            member.socket.close()

    def add(self, name: str) -> None:
        """Let one more join."""
        member = joined(self.address, name)
        self.members.append(member)
        self._selector.register(member.socket, selectors.EVENT_READ)

    def _drain(self) -> None:
        while not self._gone.is_set():
            for key, _ in self._selector.select(0.1):
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    if not key.fileobj.recv(1 << 20):  # type: ignore[union-attr]
                        self._selector.unregister(key.fileobj)
