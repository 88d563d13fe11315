"""What an address and a user may do on all connections (docs/reference/wire.md, "Limits")."""

import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import trio

from trio_chat.errors import CommandError, Disconnect, ErrorCode
from trio_chat.hub.requests import OtherNodes
from trio_chat.protocol import messages
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.ratelimit import KeyedBuckets
from trio_chat.settings import Settings

# A client that is refused this often in this time does not listen (wire.md, Limits).
MAX_REFUSALS: Final = 50
REFUSALS_SECONDS: Final = 60.0

REFUSALS: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BAD_REQUEST, ErrorCode.TOO_LARGE})
"""The refusals that count: a client could have known better."""


ANSWER_SECONDS: Final = 1.0
"""How long other nodes have to say that they live. They take milliseconds, and in a rush longer."""

_POLLS: Final = 50

End = Callable[[CloseCode], None]
"""Asks for the end of a connection."""


class UserAt(NamedTuple):  # looked up with every message, and hashed in C for that
    """A user as far as limits go. Without tokens a name proves nothing, so the address counts too.

    Attributes:
        key: The key of the user's name.
        address: The client's address; empty if a token vouches for the name.
    """

    key: str
    address: str


def limits_of(settings: Settings) -> messages.Limits:
    """Return the limits for the `welcome` of a client of version 2."""
    return messages.Limits(
        frame_bytes=settings.max_frame_bytes,
        message_chars=settings.max_message_chars,
        rate_per_second=settings.message_rate,
        burst=settings.message_burst,
        rooms=settings.max_rooms,
        resume=settings.resume_size,
    )


def most_held(settings: Settings) -> tuple[int, int]:
    """How many events a pending room may hold for a connection, and how many bytes.

    A quarter of the queue's frames fits behind the history. Of the bytes it is less: 50 rooms may
    be pending.
    """
    return max(1, settings.send_queue // 4), settings.send_queue_bytes // 16


def rate_limited(wait: float) -> CommandError:
    """Return the error for a command without a token.

    Args:
        wait: The seconds until there is one.
    """
    wait_ms = math.ceil(wait * 1000)
    return CommandError(
        ErrorCode.RATE_LIMITED,
        f"Too many messages; try again in {wait_ms} ms",
        retry_after_ms=wait_ms,
    )


class Limits:
    """The buckets and counts that several connections share.

    Args:
        settings: The rates and bursts.
        nodes: The other nodes, where a user may have connections, too; None if there are none.
    """

    def __init__(self, settings: Settings, nodes: OtherNodes | None = None) -> None:
        self.upgrades = KeyedBuckets[str](settings.upgrade_rate, settings.upgrade_burst)
        self.messages = KeyedBuckets[UserAt](settings.message_rate, settings.message_burst)
        self.typing = KeyedBuckets[UserAt](settings.typing_rate, settings.typing_burst)
        self.counts_refusals = settings.message_rate > 0
        """Whether a client is closed for being refused too often: not without a rate."""
        self._connections: dict[UserAt, list[End]] = {}
        """What ends each of a user's connections, the oldest first."""
        self._nodes = nodes
        if nodes is not None:
            nodes.watch_growth(self._end_surplus)
        self._max_user_connections = settings.max_user_connections

    def is_full(self, user: UserAt) -> bool:
        """Whether the user has as many connections as there may be, on all nodes together."""
        elsewhere = self._nodes.connections(user.key, user.address) if self._nodes else 0
        return len(self._connections.get(user, ())) + elsewhere >= self._max_user_connections

    async def recount(self, user: UserAt) -> None:
        """Find out whether other nodes still have the connections of a user.

        A node that was killed says nothing, and is taken for dead only after 30 s. A user who comes
        from there must not wait for that. So a node that does not answer is left out.

        Waits for `ANSWER_SECONDS` at most. A cancellation leaves nothing behind.
        """
        if self._nodes is None:
            return
        silent = self._nodes.ask_after(user.key, user.address, trio.current_time())
        for _ in range(_POLLS):
            silent = self._nodes.silent(silent)
            if not silent:
                return
            await trio.sleep(ANSWER_SECONDS / _POLLS)
        self._nodes.leave_out(self._nodes.silent(silent))

    def connect(self, user: UserAt, end: End) -> None:
        """Count one more connection of a user.

        Args:
            user: Whose it is.
            end: Asks for its end. Sync.

        Raises:
            Disconnect: The user has too many, on all nodes together; this one has not been counted.
        """
        if self.is_full(user):
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS)
        self._connections.setdefault(user, []).append(end)
        self._tell(user)

    def disconnect(self, user: UserAt, end: End) -> None:
        """Count one less."""
        self._connections[user].remove(end)
        self._tell(user)
        self._forget_if_none(user)

    def _end_surplus(self, key: str, address: str) -> None:
        """Another node has more connections of a user: the newest here end, if they are too many.

        They are counted until they have ended.
        """
        assert self._nodes is not None  # noqa: S101 - who else would call
        ends = self._connections.get(UserAt(key, address), [])
        surplus = self._nodes.surplus(key, address, self._max_user_connections)
        for end in ends[max(0, len(ends) - surplus) :]:
            end(CloseCode.TOO_MANY_CONNECTIONS)

    def _tell(self, user: UserAt) -> None:
        if self._nodes is not None:
            self._nodes.count(user.key, user.address, len(self._connections[user]))

    def _forget_if_none(self, user: UserAt) -> None:
        if not self._connections[user]:
            del self._connections[user]


class Allowance:
    """What one connection may still do. Time comes in, in seconds on Trio's clock.

    Args:
        limits: Shared by all connections.
        user: Whose connection it is: the rates are for all of the user's together.
    """

    __slots__ = ("_limits", "_refused_at", "messages", "user")

    def __init__(self, limits: Limits, user: UserAt) -> None:
        self._limits = limits
        self.messages = limits.messages
        """Where `user` pays a token for each message, and for other commands that cost one."""
        self.user = user
        self._refused_at: deque[float] | None = None

    def take_typing(self, now: float) -> bool:
        """Whether one more note that the user types is within the rate."""
        return not self._limits.typing.take(self.user, now)

    def charge(self, error: CommandError, now: float) -> CommandError:
        """Take a token for a command that was refused.

        Returns:
            The error that answers it: another one if there is no token.
        """
        wait = self.messages.take(self.user, now)
        if not wait:
            return error
        too_fast = rate_limited(wait)
        too_fast.ref, too_fast.room = error.ref, error.room
        return too_fast

    def is_refused_too_often(self, code: ErrorCode, now: float) -> bool:
        """Note that a command was refused, and say whether the connection has to end for it."""
        if code not in REFUSALS or not self._limits.counts_refusals:
            return False
        if self._refused_at is None:  # most clients never need it
            self._refused_at = deque(maxlen=MAX_REFUSALS)
        refused_at = self._refused_at
        refused_at.append(now)
        return (
            len(refused_at) == MAX_REFUSALS and refused_at[-1] - refused_at[0] <= REFUSALS_SECONDS
        )
