"""A hub with a memory log, and members that remember what they were given."""

import json
from collections.abc import Callable, Sequence
from itertools import count

import trio
import trio.testing
from attrs import Factory, define

from tests.blackbox.frames import RSV1, inflated, take_frame
from trio_chat.hub.hub import Hub
from trio_chat.log.base import Commit, Log, Mark
from trio_chat.log.memory import MemoryLog
from trio_chat.metrics import Metrics
from trio_chat.protocol.membership import (
    Admission,
    ChangeTyping,
    Join,
    Leave,
    Publish,
    Request,
    Tick,
)
from trio_chat.protocol.messages import Draft
from trio_chat.protocol.names import prepare_name
from trio_chat.protocol.outgoing import Form

ROOM = "general"
WALL_MS = 1_700_000_000_000

HISTORY = b"the history"


def summary(frame: bytes) -> str:
    """A frame in few words: ``1 ann: hi``, ``2 * ann has joined``, ``ann types``, ``[ann] 1``."""
    if frame == HISTORY:
        return "history"
    taken = take_frame(bytearray(frame))
    assert taken is not None
    wire = json.loads(inflated(taken.payload) if taken.rsv == RSV1 else taken.payload)
    match wire["type"]:
        case "message":
            return f"{wire['seq']} {wire['username']}: {wire['message']}"
        case "system":
            return f"{wire['seq']} * {wire['message']}"
        case "typing":
            return f"{wire['username']} {'types' if wire['isTyping'] else 'stops'}"
        case _:
            assert wire["type"] == "presence"
            return f"[{' '.join(wire['users'])}] {wire['count']}"


@define(eq=False)
class Recorder:
    """A member that takes everything. Satisfies `trio_chat.protocol.membership.Member`.

    Attributes:
        form: The form of its frames.
        waits: Whether it stays held until a test releases it.
        on_offer: Called with each offer, before it is recorded.
        writes: What it was offered, in summaries; one list for each call.
        frames: The same as it was, frame by frame.
        bytes_offered: How many bytes that were.
        reserved: The frames that are held for it.
        admission: Its place in the room it was let into last.
    """

    form: Form = Form.PLAIN
    waits: bool = False
    on_offer: Callable[[], None] = lambda: None
    writes: list[list[str]] = Factory(list)
    frames: list[bytes] = Factory(list)
    bytes_offered: int = 0
    reserved: list[bytes] = Factory(list)
    admission: Admission | None = None

    @property
    def got(self) -> list[str]:
        """All it was offered."""
        return [frame for write in self.writes for frame in write]

    def forget(self) -> None:
        """What it was offered so far is of no interest."""
        self.writes.clear()
        self.frames.clear()

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Record it, in the order the hub has it."""
        assert joined == b"".join(frames)
        self.on_offer()
        self.bytes_offered += len(joined)
        self.frames.extend(frames)
        self.writes.append([summary(frame) for frame in frames])

    def reserve(self, frames: Sequence[bytes]) -> None:
        """Count frames."""
        self.reserved.extend(frames)

    def unreserve(self, frames: Sequence[bytes]) -> None:
        """Count them no longer; exactly those that were reserved."""
        assert self.reserved[: len(frames)] == list(frames)
        del self.reserved[: len(frames)]

    def admit(self, admission: Admission) -> None:
        """Be in the room; unless it waits, be released at once."""
        self.admission = admission
        if not self.waits:
            admission.release([])

    def release(self, *frames: bytes) -> None:
        """Be sent these frames and what was held."""
        assert self.admission is not None
        self.admission.release(frames)


class WatchedLog(MemoryLog):
    """A memory log that can be made to wait, or to fail, and remembers the sizes of batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.appending = trio.Event()
        self.may_go_on = trio.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None
        self.forgotten: list[str] = []

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Wait for permission, fail if told so, and otherwise append."""
        self.appending.set()
        await self.may_go_on.wait()
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(drafts))
        return await super().append(drafts, marks)

    async def forget(self, room: str) -> None:
        """Note it and forget it."""
        self.forgotten.append(room)
        await super().forget(room)


class Scene:
    """A hub and what stands around it.

    Args:
        log: Where it logs.
        crowd_size: Rooms of more users are crowds.
    """

    def __init__(self, log: Log | None = None, crowd_size: int = 200) -> None:
        ids = count(1)
        self.log = log or MemoryLog()
        self.metrics = Metrics()
        self.hub = Hub(
            self.log,
            self.metrics,
            crowd_size=crowd_size,
            wall_ms=lambda: WALL_MS,
            new_id=lambda: f"id-{next(ids)}",
        )

    def put(self, *requests: Request) -> None:
        """Put requests into the inbox; the hub takes them in one turn if it was idle."""
        for request in requests:
            self.hub.inbox.send_nowait(request)

    async def ask(self, *requests: Request) -> None:
        """Put requests into the inbox, and wait until they have been dealt with."""
        self.put(*requests)
        await self.hub.settle()

    async def join(
        self, name: str, *, room: str = ROOM, waits: bool = False, form: Form = Form.PLAIN
    ) -> Recorder:
        """Let a new member in."""
        member = Recorder(form, waits=waits)
        await self.ask(join(member, name, room))
        return member

    async def tick_after(self, clock: trio.testing.MockClock, seconds: float) -> None:
        """Let time pass, and have the hub look at its clock once."""
        clock.jump(seconds)
        await self.ask(Tick())

    async def logged(self, room: str = ROOM) -> list[str]:
        """What is on the log, in summaries."""
        page = await self.log.read_before(room, 1 << 60, 1000)
        return [f"{event.seq} {event.username or '*'}: {event.message}" for event in page.events]


def join(member: Recorder, name: str, room: str = ROOM) -> Join:
    return Join(member, room, prepare_name(name))


def leave(member: Recorder) -> Leave:
    return Leave(member)


def say(member: Recorder, text: str, room: str = ROOM) -> Publish:
    return Publish(member, room, text)


def types(member: Recorder, room: str = ROOM) -> ChangeTyping:
    return ChangeTyping(member, room, is_typing=True)


def stops(member: Recorder, room: str = ROOM) -> ChangeTyping:
    return ChangeTyping(member, room, is_typing=False)
