"""The contract of a store in which nodes register, so that they find nodes that they do not reach.

A node holds a *lease*, which ends by the store's clock unless the node renews it.
"""

from collections.abc import Mapping
from typing import Protocol


class NodeRegistry(Protocol):
    """Keeps the leases of all nodes that share a store."""

    async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        """Register a node, or renew its lease.

        Args:
            node: The id of the node.
            seconds: How long the lease lasts from now on.

        Returns:
            The other nodes that hold a lease, and for how many seconds more.

        Raises:
            Outage: The store is out of reach; whether the lease was renewed is unknown.
        """

    async def end_lease(self, node: str) -> None:
        """Remove a node from the registry.

        Raises:
            Outage: The store is out of reach; the lease ends by itself.
        """
