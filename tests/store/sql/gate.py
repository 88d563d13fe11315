"""A call that blocks its thread until a test opens it."""

import threading
from typing import Final

import trio
from attrs import define, field

PATIENCE_SECONDS: Final = 10.0


@define
class Gate:
    """A call that blocks until a test opens it."""

    begun: threading.Event = field(factory=threading.Event)
    is_open: threading.Event = field(factory=threading.Event)
    ended: threading.Event = field(factory=threading.Event)
    thread: threading.Thread | None = None

    def __call__(self) -> None:
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.is_open.wait(PATIENCE_SECONDS)
        self.ended.set()

    async def has_begun(self) -> None:
        assert await trio.to_thread.run_sync(self.begun.wait, PATIENCE_SECONDS)
