"""Messages and typing of plain connections (docs/reference/wire.md)."""

import threading
from collections.abc import Callable

from tests.support.client import Chatter, is_type

ALSO_OVER_TLS = True

SETTINGS = ("--upgrade-rate", "0", "--message-rate", "0", "--typing-rate", "0")

Join = Callable[..., Chatter]

WHITE_SPACE = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])) + (
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The Unicode property White_Space."""

"""What looks like it, or Python strips, but does not have the property."""


def pair(join: Join) -> tuple[Chatter, Chatter]:
    """Return two clients in the room that have received each other's join."""
    ann, bob = join("ann"), join("bob")
    ann.up_to(lambda e: e["type"] == "presence" and "bob" in e["users"])
    bob.arrive()
    return ann, bob


def test_all_clients_receive_many_senders_in_one_order(join: Join) -> None:
    members = [join(f"sender {number}") for number in range(5)]
    for member in members:
        member.up_to(lambda e: e["type"] == "presence" and e["count"] == 6)

    def talk(member: Chatter) -> None:
        for number in range(50):
            member.say(f"{member.name}: {number}")

    talkers = [threading.Thread(target=talk, args=(member,)) for member in members]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    seen = [[member.first(is_type("message")) for _ in range(250)] for member in members]
    assert all(events == seen[0] for events in seen)
    first = seen[0][0]["seq"]
    assert [event["seq"] for event in seen[0]] == list(range(first, first + 250))
