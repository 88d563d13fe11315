"""The contract between the limit of a user's connections and the other nodes."""

from collections.abc import Callable, Collection
from typing import Protocol


class ConnectionCounts(Protocol):
    """The connections of users to other nodes, by user and address.

    The user is the key of a name. The address is empty if a token has proved the name.
    """

    def connections(self, user: str, address: str) -> int:
        """Return how many connections the user has to all other nodes, as far as reported."""

    def count(self, user: str, address: str, connections: int) -> None:
        """Report to the other nodes how many connections the user has here now."""

    def ask_after(self, user: str, address: str, now: float) -> Collection[str]:
        """Ping the nodes that have connections of the user; return their ids."""

    def silent(self, nodes: Collection[str]) -> Collection[str]:
        """Return those of these nodes that have sent nothing since their last ping."""

    def leave_out(self, nodes: Collection[str]) -> None:
        """Count no connections to these nodes until they publish again."""

    def surplus(self, user: str, address: str, most: int) -> int:
        """Return how many of the user's more than ``most`` connections this node must close."""

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        """Call a function with user and address when another node may have more of them."""
