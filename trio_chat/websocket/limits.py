"""What one address and one user may do, across all their connections (PROTOCOL.md section 6)."""

import math
from collections import Counter, deque
from typing import Final

from attrs import frozen

from trio_chat.errors import CommandError, Disconnect, ErrorCode
from trio_chat.protocol.closing import CloseCode
from trio_chat.protocol.membership import OtherNodes
from trio_chat.ratelimit import KeyedBuckets
from trio_chat.settings import Settings

# A client that is refused this often in this time does not listen (PROTOCOL.md section 6).
MAX_REFUSALS: Final = 50
REFUSALS_SECONDS: Final = 60.0


@frozen
class UserAt:
    """A user as far as limits go. Without tokens a name proves nothing, so the address counts too.

    Attributes:
        key: The key of the user's name.
        address: The client's address; empty if a token vouches for the name.
    """

    key: str
    address: str


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
        self._connections: Counter[UserAt] = Counter()
        self._nodes = nodes
        self._max_user_connections = settings.max_user_connections

    def connect(self, user: UserAt) -> None:
        """Count one more connection of a user.

        Raises:
            Disconnect: The user has too many, on all nodes together; this one has not been counted.
        """
        elsewhere = self._nodes.connections(user.key, user.address) if self._nodes else 0
        if self._connections[user] + elsewhere >= self._max_user_connections:
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS)
        self._connections[user] += 1
        self._tell(user)

    def disconnect(self, user: UserAt) -> None:
        """Count one less."""
        self._connections[user] -= 1
        self._tell(user)
        if not self._connections[user]:
            del self._connections[user]

    def _tell(self, user: UserAt) -> None:
        if self._nodes is not None:
            self._nodes.count(user.key, user.address, self._connections[user])


class Allowance:
    """What one connection may still do. Time comes in, in seconds on Trio's clock.

    Args:
        limits: Shared by all connections.
        user: Whose connection it is: the rates are for all of the user's together.
    """

    __slots__ = ("_limits", "_refused_at", "_user")

    def __init__(self, limits: Limits, user: UserAt) -> None:
        self._limits = limits
        self._user = user
        self._refused_at: deque[float] | None = None

    def take_typing(self, now: float) -> bool:
        """Whether one more note that the user types is within the rate."""
        return not self._limits.typing.take(self._user, now)

    def take_message(self, now: float) -> None:
        """Take a token for a message, or for another command that costs one.

        Raises:
            CommandError: There is none; it says when there will be.
        """
        wait = self._limits.messages.take(self._user, now)
        if wait:
            wait_ms = math.ceil(wait * 1000)
            raise CommandError(
                ErrorCode.RATE_LIMITED,
                f"You are sending too fast; try again in {wait_ms} ms",
                retry_after_ms=wait_ms,
            )

    def is_not_heeded(self, now: float) -> bool:
        """Note that the client went over the rate, and say whether it did too often."""
        if self._refused_at is None:  # most clients never need it
            self._refused_at = deque(maxlen=MAX_REFUSALS)
        refused_at = self._refused_at
        refused_at.append(now)
        return (
            len(refused_at) == MAX_REFUSALS and refused_at[-1] - refused_at[0] <= REFUSALS_SECONDS
        )
