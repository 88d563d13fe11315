"""Whether and when to come back (docs/reference/wire.md, "Close codes"). Pure."""

from typing import Final

from attrs import define, frozen

from trio_chat.client.errors import ChatRefusedError
from trio_chat.protocol.close_codes import DO_NOT_COME_BACK, MEANING, CloseCode

FIRST_SECONDS: Final = 1.0
"""The first wait; each failure doubles it. Most losses are a restart, which takes about that."""

LONGEST_SECONDS: Final = 30.0
"""No wait is longer, or nobody would notice for minutes that the server is back."""

SOON_SECONDS: Final = 1.0
"""Over this time those come back who were told of a restart: it is all but done."""

STABLE_SECONDS: Final = 5.0
"""After this long in the chat the waits begin anew: a server that takes in and drops everybody at
once is not to be hammered."""

# Statuses that pass: a slow head, too many upgrades. So does all that is the server's own trouble.
_PASSING_STATUS: Final = frozenset({408, 429})
_UNAUTHORIZED: Final = 401


@frozen
class Ending:
    """How a connection has ended, or a try to make one.

    Attributes:
        why: In words.
        code: The close code; None if the network, or this side, has ended it.
        status: The HTTP status, if it never was a WebSocket.
        after_seconds: The server's wish when to come back.
        is_restart: The server has said that it is going to be there again at once.
        is_mistake: What the program has said of the server is wrong, or its certificate is:
            another try would not help.
        lasted_seconds: How long all rooms had been joined.
    """

    why: str
    code: int | None = None
    status: int | None = None
    after_seconds: float = 0.0
    is_restart: bool = False
    is_mistake: bool = False
    lasted_seconds: float = 0.0

    def __str__(self) -> str:
        return self.why if self.number is None else f"{self.why} ({self.number})"

    @property
    def number(self) -> int | None:
        """The HTTP status or the close code, if there is one."""
        return self.code if self.status is None else self.status


@define
class Retry:
    """Decides about one client's next tries.

    Args:
        has_fresh_tokens: Whether another token can be had, so that a refused one is no end.
    """

    has_fresh_tokens: bool = False
    _failures: int = 0
    _unauthorized: int = 0
    _was_in: bool = False

    def wait_seconds(self, ending: Ending, spread: float) -> float:
        """How long to wait.

        Args:
            ending: What has happened.
            spread: Evenly spread in [0, 1), so that not all clients come back in one instant.

        Raises:
            ChatRefusedError: There is no use in coming back.
        """
        self._refuse(ending)
        if ending.lasted_seconds >= STABLE_SECONDS:
            self._failures = 0
        failures, self._failures = self._failures, self._failures + 1
        if ending.is_restart:
            # Nodes may restart one after the other: that says nothing against the next node.
            self._failures = 1
            if failures == 0:
                return SOON_SECONDS * spread
            failures = 0
        # 2.0 ** 1024 is too much for a float; long before, the bound is reached.
        ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 10))
        return ending.after_seconds + ceiling / 2 * (1 + spread)

    def _refuse(self, ending: Ending) -> None:
        status = ending.status
        self._was_in = self._was_in or ending.lasted_seconds > 0
        if ending.is_mistake and not self._was_in:
            # Later it may be a stranger's network on the way, or a renewal that is late.
            raise ChatRefusedError(None, ending.why)
        if ending.code in DO_NOT_COME_BACK:
            raise ChatRefusedError(ending.code, ending.why)
        self._unauthorized = self._unauthorized + 1 if status == _UNAUTHORIZED else 0
        if self.has_fresh_tokens and self._unauthorized == 1:
            return  # The token may just have ended on its way.
        if status is not None and status < 500 and status not in _PASSING_STATUS:  # noqa: PLR2004
            raise ChatRefusedError(status, ending.why)


def closed(code: int, reason: str | None, *, is_restart: bool) -> Ending:
    """The ending that is a close frame.

    Args:
        code: Its code; 1006 if there was none.
        reason: The server's words.
        is_restart: The server had announced a restart.
    """
    known = {each.value: words for each, words in MEANING.items()}
    if code not in known and not reason:
        return Ending("The connection broke", is_restart=is_restart)
    why = reason or known[code]
    return Ending(why, code, is_restart=is_restart or code == CloseCode.RESTART)


def refused(status: int, retry_after: str | None, words: str = "") -> Ending:
    """The ending that is a refused upgrade.

    Args:
        status: The HTTP status.
        retry_after: The header, if there is one; only seconds are understood.
        words: The server's.
    """
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
    why = words or f"The server answers {status}"
    return Ending(why, status=status, after_seconds=seconds)
