"""The other nodes, as this one knows them, and what it tells them. No trio; time comes in."""

from collections.abc import Sequence

from trio_chat.backplane.base import Backplane
from trio_chat.protocol.nodes import Envelope, Said, pack


class Nodes:
    """What goes to the other nodes, and comes from them.

    Args:
        node: The id of this one, unlike that of any other, also of one it had before.
        backplane: Carries it.
    """

    def __init__(self, node: str, backplane: Backplane) -> None:
        self.is_shared = backplane.is_shared
        """Whether there may be others."""
        self._node = node
        self._backplane = backplane
        self._number = 0

    def tell(self, said: Sequence[Said]) -> None:
        """Tell all others, in one envelope; nothing at all renews the lease."""
        self._number += 1
        self._backplane.publish(pack(Envelope(self._node, self._number, tuple(said))))

    def hear(self, envelope: Envelope) -> Sequence[Said]:
        """Take what another node says.

        Returns:
            What of it is to be done, in order.
        """
        return envelope.said
