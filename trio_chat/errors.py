"""The three families of errors.

* `CommandError`: one command failed. It is answered, and the connection goes on.
* `Disconnect`: the connection ends, with a close code.
* `Outage`: a store or a backplane cannot be reached. Nobody's fault who is connected.

Foreign exceptions are translated into these once, at the adapter, ``from`` the original.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trio_chat.protocol.close_codes import CloseCode


OUTAGE_RETRY_MS: Final = 1000
"""When a client may try again what the store could not take; by then a short outage is over."""


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
    """A command that is answered with an error.

    Args:
        code: What kind of failure, for programs.
        message: What went wrong, for people; it is sent to the client.
        retry_after_ms: How long to wait before trying again, where waiting helps.

    Attributes:
        ref: The client's name for the command, once it is known that it has one.
        room: The room that was meant, once it is known.
    """

    def __init__(self, code: ErrorCode, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.ref: str | None = None
        self.room: str | None = None

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


def store_unavailable() -> CommandError:
    """What a client is told when the store could not be reached; the outcome is unknown."""
    return CommandError(
        ErrorCode.UNAVAILABLE, "The store is unreachable", retry_after_ms=OUTAGE_RETRY_MS
    )


def refusal_of(outage: "Outage") -> CommandError:
    """What a client is answered when the store failed; another try helps only if it was away."""
    if isinstance(outage, DamagedData):
        return CommandError(ErrorCode.INTERNAL, "Stored data of this room is damaged")
    return store_unavailable()


class Disconnect(Exception):  # noqa: N818 - it is an outcome with a code, not only an error
    """The connection is to end with this close code.

    Args:
        code: The close code to send.
        reason: A few words for the close frame; at most 123 bytes of UTF-8 are sent.
    """

    def __init__(self, code: "CloseCode", reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Owed(Exception):  # noqa: N818 - no error, but a third outcome of a sending
    """An encrypted connection has encrypted bytes, and its socket did not take all of them.

    The rest of the ciphertext is owed: the connection sends it before anything else.

    Args:
        paid: So many of the bytes at the front have left.
        begun: So many at the front, `paid` included, have been encrypted: they will be sent.
    """

    def __init__(self, paid: int, begun: int) -> None:
        super().__init__(paid, begun)
        self.paid = paid
        self.begun = begun


class Outage(Exception):  # noqa: N818 - the field's word
    """A log or a backplane cannot be reached; the outcome of the call is unknown."""


class HistoryReplaced(Outage):
    """The store holds another history than before; the call has changed nothing.

    The store is in reach and has a new epoch by now: the same call would pass.
    """


class DamagedData(Outage):
    """The store answers, but cannot read some of its data. Other calls may well succeed.

    Args:
        reason: What is damaged; no text of a message.
        room: In which room; None if that is unknown.
        seq: At which event; the same.
    """

    def __init__(self, reason: str, room: str | None = None, seq: int | None = None) -> None:
        super().__init__(reason)
        self.room = room
        self.seq = seq


class StartError(Exception):
    """The server cannot start as configured; the message is one clear line for the operator."""
