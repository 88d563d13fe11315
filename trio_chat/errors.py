"""The three families of errors.

* `CommandError`: one command failed. The server answers it, and the connection continues.
* `Disconnect`: the connection ends, with a close code.
* `Outage`: a store or a backplane is unreachable. No client is at fault.

Each adapter translates foreign exceptions into these, once, ``from`` the original.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trio_chat.protocol.close_codes import CloseCode


OUTAGE_RETRY_MS: Final = 1000
"""The delay before a client retries after a store outage; a short outage is over by then."""


class ErrorCode(StrEnum):
    """The ``code`` of an ``error`` (docs/reference/wire.md, "Error codes")."""

    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_JOINED = "not_joined"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    LIMIT_EXCEEDED = "limit_exceeded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class CommandError(Exception):
    """A command failed; the client receives an error.

    Args:
        code: The kind of failure, for programs.
        message: The cause, for people; the client receives it.
        retry_after_ms: The delay before a retry, where waiting helps.

    Attributes:
        ref: The client's reference for the command, once known.
        room: The command's room, once known.
        is_counted: Whether metrics count it as a refusal.
    """

    def __init__(self, code: ErrorCode, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.ref: str | None = None
        self.room: str | None = None
        self.is_counted = True

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def store_unavailable() -> CommandError:
    """Return the error for an unreachable store; the outcome of the command is unknown."""
    return CommandError(
        ErrorCode.UNAVAILABLE, "The store is unreachable", retry_after_ms=OUTAGE_RETRY_MS
    )


def refusal_of(outage: "Outage") -> CommandError:
    """Return the error for a store failure; a retry helps only if the store was unreachable."""
    if isinstance(outage, DamagedData):
        return CommandError(ErrorCode.INTERNAL, "Stored data of this room is damaged")
    return store_unavailable()


class Disconnect(Exception):  # noqa: N818 - an outcome with a code, not only an error
    """The server ends the connection with this close code.

    Args:
        code: The close code to send.
        reason: A few words for the close frame; at most 123 bytes of UTF-8 are sent.
    """

    def __init__(self, code: "CloseCode", reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Owed(Exception):  # noqa: N818 - no error, but a third outcome of a send
    """The socket of a TLS connection accepted only a part of the ciphertext.

    The rest is owed: the connection sends it before anything else.

    Args:
        paid: The number of leading bytes that the socket has accepted.
        begun: The number of leading bytes that are encrypted, `paid` included; all will be sent.
    """

    def __init__(self, paid: int, begun: int) -> None:
        super().__init__(paid, begun)
        self.paid = paid
        self.begun = begun


class Outage(Exception):  # noqa: N818 - the field's word
    """A store or a backplane is unreachable; the outcome of the call is unknown."""


class HistoryReplaced(Outage):
    """The store holds another history than before; the call changed nothing.

    The store is reachable and has a new epoch by now: the same call would succeed.
    """


class DamagedData(Outage):
    """The store answers, but cannot read some of its data. Other calls may succeed.

    Args:
        reason: The damage, without any message text.
        room: The damaged room; None if unknown.
        seq: The damaged event; None if unknown.
    """

    def __init__(self, reason: str, room: str | None = None, seq: int | None = None) -> None:
        super().__init__(reason)
        self.room = room
        self.seq = seq


class StartError(Exception):
    """The server cannot start as configured; the message is one clear line for the operator."""
