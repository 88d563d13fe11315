"""Decides which joins and leaves are announced and stored. No trio; time is an argument.

A client that joins and leaves a thousand times would push everything else out of a page of history.
Beyond a budget only the presence shows such users. `trio_chat.hub.users` asks here.
"""

from typing import Final

from attrs import frozen

from trio_chat.hub.requests import Join
from trio_chat.protocol.events import Draft, Kind
from trio_chat.ratelimit import KeyedWindows

USER_SECONDS: Final = 600.0
"""The period of a user's budget in a room."""

ADDRESS_SECONDS: Final = 60.0
"""The period of an address' budget: all its users may arrive at once."""

ADDRESS_FACTOR: Final = 20
"""The budget of an address, in budgets of a user: an office of 100 joins within a minute."""

_UNANNOUNCED: Final = "~"

_SENTENCES: Final = {Kind.JOINED: "{} has joined the chat", Kind.LEFT: "{} has left the chat"}


def notice(kind: Kind, id_: str, room: str, username: str, ts: int) -> Draft:
    """Return the notice that a user has joined or left, with the sentence for plain clients.

    Args:
        kind: `Kind.JOINED` or `Kind.LEFT`.
        id_: Unique for ever.
        room: The name of the room.
        username: The user, as displayed.
        ts: Milliseconds since 1970 UTC.
    """
    return Draft(id_, room, username, _SENTENCES[kind].format(username), ts, kind)


def unannounced(session: str) -> str:
    """Mark the presence session of a user whose arrival is not announced, for every node.

    Of several sessions that nodes report of one user the lowest counts, so an announced one.
    """
    return _UNANNOUNCED + session


def is_announced(session: str) -> bool:
    """Return whether the arrival that began this session was announced; then so is its end."""
    return not session.startswith(_UNANNOUNCED)


@frozen
class _Payer:
    """Pays for the notices of a user in a room. Without a token a name alone pays nothing."""

    room: str
    user: str
    address: str


class NoticeBudget:
    """The notices of this node.

    Args:
        rate: Notices of a user in a room in `USER_SECONDS`; 0 for no limit.
    """

    def __init__(self, rate: int) -> None:
        self._by_user = KeyedWindows[_Payer](rate, USER_SECONDS)
        self._by_address = KeyedWindows[str](rate * ADDRESS_FACTOR, ADDRESS_SECONDS)
        self._present: dict[tuple[str, str], tuple[_Payer, str]] = {}
        """By room and user: who paid for an announced arrival, and the address."""

    def take_join(self, join: Join, now: float) -> bool:
        """Return whether the arrival of this user is announced; if so, count it."""
        user, address = join.name.key, join.address
        payer = _Payer(join.room, user, "" if join.member.author.is_proven else address)
        if self._by_address.wait(address, now) or self._by_user.wait(payer, now):
            return False
        self._count(payer, address, now)
        self._present[join.room, user] = payer, address
        return True

    def count_leave(self, room: str, user: str, now: float) -> None:
        """Count that this node announces that a user has left."""
        known = self._present.get((room, user))
        if known is not None:  # the user joined on this node
            self._count(*known, now)

    def forget(self, room: str, user: str) -> None:
        """Forget a user who is not in the room any more, on any node."""
        self._present.pop((room, user), None)

    def _count(self, payer: _Payer, address: str, now: float) -> None:
        self._by_user.add(payer, now)
        self._by_address.add(address, now)
