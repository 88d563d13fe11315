"""What one address and one user may do, across all their connections (PROTOCOL.md section 6)."""

from collections import Counter

from attrs import frozen

from trio_chat.errors import Disconnect
from trio_chat.protocol.closing import CloseCode
from trio_chat.ratelimit import KeyedBuckets
from trio_chat.settings import Settings


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
    """

    def __init__(self, settings: Settings) -> None:
        self.upgrades = KeyedBuckets[str](settings.upgrade_rate, settings.upgrade_burst)
        self.messages = KeyedBuckets[UserAt](settings.message_rate, settings.message_burst)
        self.typing = KeyedBuckets[UserAt](settings.typing_rate, settings.typing_burst)
        self._connections: Counter[UserAt] = Counter()
        self._max_user_connections = settings.max_user_connections

    def connect(self, user: UserAt) -> None:
        """Count one more connection of a user.

        Raises:
            Disconnect: The user has too many; this one has not been counted.
        """
        if self._connections[user] >= self._max_user_connections:
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS)
        self._connections[user] += 1

    def disconnect(self, user: UserAt) -> None:
        """Count one less."""
        self._connections[user] -= 1
        if not self._connections[user]:
            del self._connections[user]
