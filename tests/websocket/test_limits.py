"""The limits that connections share."""

from collections.abc import Callable
from functools import partial

import pytest
import trio

from trio_chat.errors import Disconnect
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.settings import Settings
from trio_chat.websocket.limits import Limits, UserAt

ANN = UserAt("ann", "192.0.2.7")


def stay(code: CloseCode) -> None:
    """Stands for a connection that must not end."""
    raise AssertionError(code)


def test_connections_are_limited_by_user_and_address() -> None:
    limits = Limits(Settings(max_user_connections=2))
    limits.connect(ANN, stay)
    limits.connect(ANN, stay)
    for _ in range(2):
        with pytest.raises(Disconnect) as end:
            limits.connect(ANN, stay)
        assert end.value.code == CloseCode.TOO_MANY_CONNECTIONS
    limits.connect(UserAt("ann", "192.0.2.8"), stay)
    limits.connect(UserAt("bob", "192.0.2.7"), stay)
    limits.disconnect(ANN, stay)  # the refused ones do not count
    limits.connect(ANN, stay)


def test_user_without_connections_is_removed() -> None:
    limits = Limits(Settings())
    limits.connect(ANN, stay)
    limits.disconnect(ANN, stay)
    assert not limits._connections


class Elsewhere:
    """Satisfies `trio_chat.backplane.counts.ConnectionCounts`."""

    def __init__(self) -> None:
        self.has = {("ann", "192.0.2.7"): 1}
        self.reported: list[tuple[str, str, int]] = []
        self.asked: list[tuple[str, str]] = []
        self.too_many: dict[tuple[str, str], int] = {}
        self.grown: Callable[[str, str], None]

    def connections(self, user: str, address: str) -> int:
        return self.has.get((user, address), 0)

    def count(self, user: str, address: str, connections: int) -> None:
        self.reported.append((user, address, connections))

    def surplus(self, user: str, address: str, most: int) -> int:
        assert most == 3
        return self.too_many.get((user, address), 0)

    async def recount(self, user: str, address: str) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.append((user, address))

    def watch_growth(self, grown: Callable[[str, str], None]) -> None:
        self.grown = grown


def test_connections_on_other_nodes_count_and_receive_ours() -> None:
    elsewhere = Elsewhere()
    limits = Limits(Settings(max_user_connections=2), elsewhere)
    limits.connect(ANN, stay)
    with pytest.raises(Disconnect):
        limits.connect(ANN, stay)
    assert elsewhere.reported == [("ann", "192.0.2.7", 1)]
    limits.connect(UserAt("ann", "192.0.2.8"), stay)
    elsewhere.has.clear()
    limits.connect(ANN, stay)
    limits.disconnect(ANN, stay)
    assert [count for _, address, count in elsewhere.reported if address == ANN.address] == [
        1,
        2,
        1,
    ]


async def test_other_nodes_are_asked_if_there_are_any() -> None:
    elsewhere = Elsewhere()
    await Limits(Settings(), elsewhere).recount(ANN)
    assert elsewhere.asked == [ANN]
    await Limits(Settings()).recount(ANN)


def test_newest_surplus_connections_end() -> None:
    elsewhere = Elsewhere()
    limits = Limits(Settings(max_user_connections=3), elsewhere)
    ended: list[tuple[int, CloseCode]] = []
    ends = [partial(_note, ended, number) for number in range(2)]
    for end in ends:
        limits.connect(ANN, end)
    limits.connect(UserAt("bob", ANN.address), stay)
    elsewhere.grown("ann", ANN.address)
    assert ended == []
    elsewhere.too_many["ann", ANN.address] = 1
    elsewhere.grown("ann", ANN.address)
    assert ended == [(1, CloseCode.TOO_MANY_CONNECTIONS)]
    limits.disconnect(ANN, ends[1])
    elsewhere.too_many["ann", ANN.address] = 9
    elsewhere.grown("ann", ANN.address)
    assert ended[1:] == [(0, CloseCode.TOO_MANY_CONNECTIONS)]
    elsewhere.grown("carl", ANN.address)


def _note(ended: list[tuple[int, CloseCode]], number: int, code: CloseCode) -> None:
    ended.append((number, code))
