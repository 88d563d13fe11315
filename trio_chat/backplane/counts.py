"""The contract between the limit of a user's connections and the other nodes."""

from collections.abc import Callable
from typing import Protocol


class ConnectionCounts(Protocol):
    """The connections of users to other nodes, by user and address.

    The user is the key of a name. The address is empty if a token has proved the name.
    """

    def connections(self, user: str, address: str) -> int:
        """Return how many connections the user has to all other nodes, as far as reported."""

    def count(self, user: str, address: str, connections: int) -> None:
        """Report to the other nodes how many connections the user has here now."""

    async def recount(self, user: str, address: str) -> None:
        """Ping the nodes that have connections of the user; from now on ignore the silent ones.

        This waits about a second at most. A cancellation changes nothing.
        """

    def surplus(self, user: str, address: str, most: int) -> int:
        """Return how many of the user's more than ``most`` connections this node must close."""

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Call a function with user and address when another node may have more of them."""
