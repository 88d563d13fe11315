"""What an address and a user share across connections."""

import pytest

from trio_chat.errors import Disconnect
from trio_chat.protocol.closing import CloseCode
from trio_chat.settings import Settings
from trio_chat.websocket.limits import Limits, UserAt

ANN = UserAt("ann", "192.0.2.7")


def test_each_user_at_each_address_may_have_so_many_connections() -> None:
    limits = Limits(Settings(max_user_connections=2))
    limits.connect(ANN)
    limits.connect(ANN)
    with pytest.raises(Disconnect) as end:
        limits.connect(ANN)
    assert end.value.code == CloseCode.TOO_MANY_CONNECTIONS
    limits.connect(UserAt("ann", "192.0.2.8"))
    limits.connect(UserAt("bob", "192.0.2.7"))


def test_one_that_was_refused_has_not_been_counted() -> None:
    limits = Limits(Settings(max_user_connections=1))
    limits.connect(ANN)
    for _ in range(3):
        with pytest.raises(Disconnect):
            limits.connect(ANN)
    limits.disconnect(ANN)
    limits.connect(ANN)


def test_each_end_makes_room_for_one() -> None:
    limits = Limits(Settings(max_user_connections=2))
    limits.connect(ANN)
    limits.connect(ANN)
    limits.disconnect(ANN)
    limits.connect(ANN)
    with pytest.raises(Disconnect):
        limits.connect(ANN)


def test_a_user_without_connections_is_forgotten() -> None:
    limits = Limits(Settings())
    for number in range(1000):
        user = UserAt(f"user{number}", "192.0.2.7")
        limits.connect(user)
        limits.disconnect(user)
    assert not limits._connections


class Elsewhere:
    """Satisfies `trio_chat.protocol.membership.OtherNodes`."""

    def __init__(self) -> None:
        self.has = {("ann", "192.0.2.7"): 1}
        self.told: list[tuple[str, str, int]] = []

    def connections(self, user: str, address: str) -> int:
        """As many as the test says."""
        return self.has.get((user, address), 0)

    def count(self, user: str, address: str, connections: int) -> None:
        """Remember it."""
        self.told.append((user, address, connections))


def test_connections_to_other_nodes_count() -> None:
    elsewhere = Elsewhere()
    limits = Limits(Settings(max_user_connections=2), elsewhere)
    limits.connect(ANN)
    with pytest.raises(Disconnect):
        limits.connect(ANN)
    limits.connect(UserAt("ann", "192.0.2.8"))
    elsewhere.has.clear()
    limits.connect(ANN)


def test_other_nodes_are_told_of_each_connection_and_of_none_that_was_refused() -> None:
    elsewhere = Elsewhere()
    limits = Limits(Settings(max_user_connections=2), elsewhere)
    limits.connect(ANN)
    with pytest.raises(Disconnect):
        limits.connect(ANN)
    limits.disconnect(ANN)
    assert [connections for _, _, connections in elsewhere.told] == [1, 0]
    assert elsewhere.told[0] == ("ann", "192.0.2.7", 1)
