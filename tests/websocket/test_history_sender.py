"""When a client is sent what its pending room has kept for it."""

from typing import TYPE_CHECKING, cast

from attrs import Factory, define

from tests.hub.scene import Recorder
from tests.websocket.talk import Held
from trio_chat.hub.requests import Join
from trio_chat.hub.subscription import Gap
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.names import prepare_name
from trio_chat.websocket.history import HistorySender

if TYPE_CHECKING:
    from trio_chat.websocket.history_reader import HistoryReader
    from trio_chat.websocket.outbox import Outbox

HELD_FRAMES = 4


@define
class Queue:
    """An outbox that notes for how many frames it was asked to make room.

    Attributes:
        held: Is released in parts.
        asked: How many frames, and how often the place had been released before.
    """

    held: Held
    asked: list[tuple[int, int]] = Factory(list)

    async def wait_to_fit(self, size: int, frames: int = 1) -> None:  # noqa: ARG002
        """Note it."""
        self.asked.append((frames, len(self.held.released)))


async def test_each_part_of_the_held_events_waits_for_room() -> None:
    member = Recorder(Encoding.VERSION_2, held_frames=HELD_FRAMES)
    held = Held(Join(member, "general", prepare_name("ann")), gaps=[Gap(3, 3), Gap(3, 3)])
    queue = Queue(held)
    sender = HistorySender(cast("HistoryReader", None), cast("Outbox", queue), "")
    assert await sender.fill(held, Gap(3, 3))
    assert len(held.released) == 3
    # The presence and an acknowledgement come on top.
    assert queue.asked == [(HELD_FRAMES + 2, released) for released in range(3)]
