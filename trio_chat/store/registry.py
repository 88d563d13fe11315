"""The contract of a store in which nodes register, to find nodes that the backplane does not reach.

A node holds a *lease*, which expires by the store's clock unless the node renews it.
"""

from collections.abc import Mapping
from typing import Protocol


class NodeRegistry(Protocol):
    """Keeps the leases of all nodes that share a store."""

    async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        """Register a node, or renew its lease.

        Args:
            node: The id of the node.
            seconds: The lifetime of the lease from now on.

        Returns:
            The other nodes with a lease, and its remaining seconds.

        Raises:
            Outage: The store is unavailable; the state of the lease is unknown.
        """

    async def end_lease(self, node: str) -> None:
        """Remove a node from the registry.

        Raises:
            Outage: The store is unavailable; the lease expires by itself.
        """
