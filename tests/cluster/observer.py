"""What one node knows of others, from envelopes that the test writes."""

from collections.abc import Sequence

from tests.cluster.nodes import Published
from tests.hub.scene import WALL_MS
from trio_chat.cluster.envelope import (
    Counted,
    Envelope,
    NodeMessage,
    Snapshot,
    UserJoined,
    UserLeft,
)
from trio_chat.cluster.peers import Peers

EPOCH = "e1"

ANN = UserJoined("general", "ann", "Ann", "s1")
BOB = UserJoined("general", "bob", "bob", "s2")
ANN_LEFT = UserLeft("general", "ann", is_announced=False)


class Observer:
    """The peers of node ``me``, which has received an empty snapshot of node ``n``."""

    def __init__(self, name: str = "me") -> None:
        self.published = Published()
        self.peers = Peers(name, self.published, epoch=lambda: EPOCH, wall_ms=lambda: WALL_MS)
        self.now = 0.0
        self.tick()
        self.set_connected(is_connected=True)
        self.publish_snapshot()
        assert self.receive(1, snapshot()) == []
        self.messages()

    def receive(
        self, number: int, *messages: NodeMessage, node: str = "n"
    ) -> Sequence[NodeMessage]:
        """Receive an envelope, and return the messages to apply."""
        return list(self.peers.receive(Envelope(node, number, messages, EPOCH, WALL_MS), self.now))

    def messages(self) -> list[NodeMessage]:
        """Return the messages published since the last call."""
        messages = self.published.messages()
        self.published.payloads.clear()
        return messages

    def tick(self) -> list[tuple[str, UserLeft]]:
        return list(self.peers.tick(self.now))

    def wait(self, seconds: float) -> list[tuple[str, UserLeft]]:
        """Let time pass with ticks; return the users who have left."""
        left: list[tuple[str, UserLeft]] = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 1, end)
            left.extend(self.tick())
        return left

    def set_connected(self, *, is_connected: bool) -> None:
        self.peers.set_connected(self.now, is_connected=is_connected)

    def publish_snapshot(self, *users: UserJoined) -> None:
        self.peers.publish_snapshot(users, [], self.now)

    def owes_snapshot(self, seconds: float = 0) -> bool:
        return self.peers.owes_snapshot(self.now + seconds)


def snapshot(*users: UserJoined, counted: Sequence[Counted] = ()) -> Snapshot:
    return Snapshot(users, tuple(counted), (), is_first=True, is_last=True)


def many_users(count: int, prefix: str = "u") -> list[UserJoined]:
    names = (f"{prefix}{number}" for number in range(count))
    return [UserJoined("general", name, name, "s") for name in names]
