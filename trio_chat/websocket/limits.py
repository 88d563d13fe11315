"""The limits of addresses and users, across all connections (docs/reference/wire.md, "Limits").

`trio_chat.websocket.endpoint` makes the `Limits`; each `trio_chat.websocket.chat` asks them.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import trio

from trio_chat.backplane.counts import ConnectionCounts
from trio_chat.errors import CommandError, Disconnect, ErrorCode
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.ratelimit import KeyedBuckets
from trio_chat.settings import Settings

# A client with this many refusals in this time ignores the answers.
MAX_REFUSALS: Final = 50
REFUSALS_SECONDS: Final = 60.0

REFUSALS: Final = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.BAD_REQUEST, ErrorCode.TOO_LARGE})
"""The refusals that count: a correct client avoids them."""

End = Callable[[CloseCode], None]
"""Closes a connection."""


class UserAt(NamedTuple):  # a key for every message: a NamedTuple is hashed in C
    """The key of a user's name, and the client's address: without tokens anyone may use a name.

    The address is empty if a token proves the name.
    """

    key: str
    address: str


def rate_limited(wait: float) -> CommandError:
    """Return the error for a command beyond the rate; ``wait`` is in seconds."""
    wait_ms = math.ceil(wait * 1000)
    message = f"Too many messages; try again in {wait_ms} ms"
    return CommandError(ErrorCode.RATE_LIMITED, message, retry_after_ms=wait_ms)


class Limits:
    """The limits that connections share.

    Args:
        settings: The rates and bursts.
        nodes: The other nodes, which may have connections of a user; None without other nodes.
    """

    def __init__(self, settings: Settings, nodes: ConnectionCounts | None = None) -> None:
        self.upgrades = KeyedBuckets[str](settings.upgrade_rate, settings.upgrade_burst)
        self.messages = KeyedBuckets[UserAt](settings.message_rate, settings.message_burst)
        self.typing = KeyedBuckets[UserAt](settings.typing_rate, settings.typing_burst)
        self._connections: dict[UserAt, list[End]] = {}
        """Closes each of a user's connections; the oldest first."""
        self._nodes = nodes
        if nodes is not None:
            nodes.watch_growth(self._end_surplus)
        self._max_user_connections = settings.max_user_connections

    def is_full(self, user: UserAt) -> bool:
        """Whether the user has the maximum number of connections, on all nodes together."""
        elsewhere = self._nodes.connections(user.key, user.address) if self._nodes else 0
        return len(self._connections.get(user, ())) + elsewhere >= self._max_user_connections

    async def recount(self, user: UserAt) -> None:
        """Ask the other nodes again for the connections of a user."""
        await trio.lowlevel.checkpoint()
        if self._nodes is not None:
            await self._nodes.recount(user.key, user.address)

    def connect(self, user: UserAt, end: End) -> None:
        """Count a connection of a user; `end` closes it.

        Raises:
            Disconnect: The user has too many connections, so this one does not count.
        """
        if self.is_full(user):
            raise Disconnect(CloseCode.TOO_MANY_CONNECTIONS)
        self._connections.setdefault(user, []).append(end)
        self._report(user)

    def disconnect(self, user: UserAt, end: End) -> None:
        """Stop counting a connection."""
        self._connections[user].remove(end)
        self._report(user)
        if not self._connections[user]:
            del self._connections[user]

    def _report(self, user: UserAt) -> None:
        if self._nodes is not None:
            self._nodes.count(user.key, user.address, len(self._connections[user]))

    def _end_surplus(self, key: str, address: str) -> None:
        """Close the newest connections of a user if all nodes together have too many.

        A connection counts until it has ended.
        """
        assert self._nodes is not None  # noqa: S101 - only they call this
        ends = self._connections.get(UserAt(key, address), [])
        surplus = self._nodes.surplus(key, address, self._max_user_connections)
        for end in ends[max(0, len(ends) - surplus) :]:
            end(CloseCode.TOO_MANY_CONNECTIONS)
