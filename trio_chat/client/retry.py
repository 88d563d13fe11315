"""Whether and when to reconnect (docs/reference/wire.md, "Close codes"). Pure."""

from typing import Final

from attrs import define, frozen

from trio_chat.client.errors import ChatRefusedError
from trio_chat.protocol.close_codes import DO_NOT_COME_BACK, MEANING, CloseCode

FIRST_SECONDS: Final = 1.0
"""The first wait; each failure doubles it. Most losses are restarts, which take about as long."""

LONGEST_SECONDS: Final = 30.0
"""Maximum wait: a longer one would keep clients away for minutes after an outage."""

SOON_SECONDS: Final = 1.0
"""Clients spread over this time after an announced restart."""

STABLE_SECONDS: Final = 5.0
"""Time in the chat after which the waits start again from the shortest. A server that accepts and
drops clients at once does not reset them."""

# Temporary statuses: a slow head, too many upgrades. So are all failures of the server (5xx).
_TEMPORARY_STATUSES: Final = frozenset({408, 429})
_UNAUTHORIZED: Final = 401


@frozen
class Ending:
    """The end of a connection, or of an attempt to connect.

    Attributes:
        why: The reason, for people.
        code: The close code; None if the network or this side ended the connection.
        status: The HTTP status of a refused upgrade.
        after_seconds: The wait that the server asks for.
        is_restart: The server announced a restart.
        is_mistake: The URL or the certificate is wrong: another attempt would fail too.
        lasted_seconds: The time for which all rooms were joined.
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
        """The HTTP status or the close code, if any."""
        return self.code if self.status is None else self.status


@define
class Retry:
    """Decides when one client reconnects.

    Args:
        has_fresh_tokens: The client can get another token after a refused one.
    """

    has_fresh_tokens: bool = False
    _failures: int = 0
    _unauthorized: int = 0
    _was_in: bool = False

    def wait_seconds(self, ending: Ending, spread: float) -> float:
        """Return the wait in seconds.

        Args:
            ending: The end of the last connection.
            spread: A random number in [0, 1), so that clients do not reconnect all at once.

        Raises:
            ChatRefusedError: Another attempt would fail too.
        """
        self._refuse(ending)
        if ending.lasted_seconds >= STABLE_SECONDS:
            self._failures = 0
        failures, self._failures = self._failures, self._failures + 1
        if ending.is_restart:
            # Nodes may restart one after another; the next node may be up.
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
            # Later the cause may be a foreign network on the way, or a late renewal.
            raise ChatRefusedError(None, ending.why)
        if ending.code in DO_NOT_COME_BACK:
            raise ChatRefusedError(ending.code, ending.why)
        self._unauthorized = self._unauthorized + 1 if status == _UNAUTHORIZED else 0
        if self.has_fresh_tokens and self._unauthorized == 1:
            return  # The token may just have ended on its way.
        if status is not None and status < 500 and status not in _TEMPORARY_STATUSES:  # noqa: PLR2004
            raise ChatRefusedError(status, ending.why)


def closed(code: int, reason: str | None, *, is_restart: bool) -> Ending:
    """Return the ending of a closed connection.

    Args:
        code: The close code; 1006 without a close frame.
        reason: The reason that the server gave.
        is_restart: The server announced a restart.
    """
    known = {each.value: words for each, words in MEANING.items()}
    if code not in known and not reason:
        return Ending("The connection broke", is_restart=is_restart)
    why = reason or known[code]
    return Ending(why, code, is_restart=is_restart or code == CloseCode.RESTART)


def refused(status: int, retry_after: str | None, words: str = "") -> Ending:
    """Return the ending of a refused upgrade.

    Args:
        status: The HTTP status.
        retry_after: The ``Retry-After`` header, if any; only seconds count.
        words: The message of the server.
    """
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
    why = words or f"The server answers {status}"
    return Ending(why, status=status, after_seconds=seconds)
