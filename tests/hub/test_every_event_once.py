"""Whatever members do and when, each receives every event once and in order, from its cut on.

`tests/websocket/test_outbox.py` shows the bounds of a queue, and
`tests/blackbox/test_slow_readers.py` a slow client beside others.
"""

from typing import TYPE_CHECKING

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import ROOM, Recorder, Scene, join, leave, say
from trio_chat.protocol.commands import LeaveRoom
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author

if TYPE_CHECKING:
    from trio_chat.hub.requests import Request

Action = tuple[str, int, int]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["join", "join", "leave", "leave room", "activate", "say", "say"]),
        st.integers(0, 3),
        st.sampled_from([1, 1, 3, 10]),
    ),
    min_size=10,
    max_size=40,
)


class Reader:
    """A user with one connection at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.member: Recorder | None = None
        self.received: list[int] = []
        """The ``seq`` of each event that the connection has received."""

    async def activate(self, scene: Scene, member: Recorder) -> int:
        """Activate the subscription, read its gaps from the store, and return the last ``seq``."""
        gap = member.activate()
        while gap is not None:
            self.note(member)
            page = await scene.store.read_after(ROOM, gap.after, gap.upto - gap.after)
            self.received += [event.seq for event in page.events]
            gap = member.activate()
        self.note(member)
        first = member.admission.cut + 1
        assert self.received == list(range(first, first + len(self.received)))
        return member.admission.cut + len(self.received)

    def note(self, member: Recorder) -> None:
        """Note the events in the frames received since."""
        self.received += [int(one.split()[0]) for one in member.got if one[0].isdigit()]
        member.forget()


async def play(scene: Scene, actions: list[Action]) -> None:
    eve = await scene.join("eve", encoding=Encoding.VERSION_2)
    readers = [Reader(name) for name in "abcd"]
    requests: list[Request] = []
    for what, who, many in actions:
        reader = readers[who]
        member = reader.member
        if what == "say":
            requests += [say(eve, "hi") for _ in range(many)]
        elif what == "join" and member is None:
            author = Author(reader.name, "d")
            member = Recorder(Encoding.VERSION_2, author, waits=True, max_backlog_frames=many)
            reader.member, reader.received = member, []
            requests.append(join(member, reader.name))
        elif what.startswith("leave") and member is not None:
            is_end = what == "leave"
            requests.append(leave(member) if is_end else LeaveRoom(ROOM, member=member))
            reader.member = None
        elif what == "activate" and member is not None:
            await scene.ask(*requests)
            requests.clear()
            await reader.activate(scene, member)
    await scene.ask(*requests)
    head = (await scene.store.positions([ROOM]))[ROOM].head
    for reader in readers:
        if reader.member is not None:
            assert await reader.activate(scene, reader.member) == head


@given(actions=ACTIONS)
def test_each_member_receives_every_event_once_and_in_order(actions: list[Action]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            scene = Scene()
            nursery.start_soon(scene.hub.run)
            await play(scene, actions)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock())
