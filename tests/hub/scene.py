"""A hub with a memory store, and members that record what they receive."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count

import trio
import trio.testing
from attrs import Factory, define

from tests.support.clocks import jump
from tests.support.frames import RSV1, inflated, take_frame
from trio_chat.access.names import prepare_name
from trio_chat.backplane.base import Backplane
from trio_chat.cluster.clocks import Clocks
from trio_chat.cluster.cluster import Cluster
from trio_chat.cluster.foreign import ForeignNodes
from trio_chat.cluster.receiver import BackplaneReceiver
from trio_chat.context import Context
from trio_chat.errors import CommandError
from trio_chat.hub.hub import Hub
from trio_chat.hub.other_nodes import OtherNodes
from trio_chat.hub.requests import Join, Leave, Publish, Request, Tick
from trio_chat.hub.subscription import Gap, Subscription
from trio_chat.metrics import Metrics
from trio_chat.protocol.commands import ReadMarker, SetTyping
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import NOTICES, Author, Draft, Kind
from trio_chat.settings import Settings
from trio_chat.store.base import Commit, Store, StreamPosition
from trio_chat.store.memory import MemoryStore

ROOM = "general"
WALL_MS = 1_700_000_000_000

Rates = tuple[int, int]
NO_RATES: Rates = (0, 0)

HISTORY = b"the history"


def summary(frame: bytes) -> str:  # noqa: PLR0911 - one line for each type
    """Summarise a frame: ``1 ann: hi``, ``2 * ann has joined``, ``ann types``, ``[ann] 1``."""
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
        case "presence" if "users" in wire:
            return f"[{' '.join(wire['users'])}] {wire['count']}"
        case "presence":
            changes = [f"+{name}" for name in wire["online"]]
            changes += [f"-{name}" for name in wire["offline"]]
            return f"{' '.join(changes)} {wire['count']}"
        case "edited" | "deleted":
            return f"{wire['seq']} {wire['type']} {wire['target']}: {wire['message']}"
        case "read":
            return f"{wire['username']} read {wire['seq']}"
        case _:
            assert wire["type"] == "ack"
            about = [str(wire[key]) for key in ("ref", "seq") if key in wire]
            return f"ack {' '.join(about)}{' again' if wire.get('dup') else ''}"


@define(eq=False)
class Recorder:
    """A member that accepts everything. Satisfies `trio_chat.hub.requests.Member`.

    Attributes:
        waits: Whether it stays pending until a test activates it.
        on_offer: Called with each offer, before it is recorded.
        errors: The errors that it received: code, ref and room.
    """

    encoding: Encoding = Encoding.PLAIN
    author: Author = Factory(lambda: Author("", ""))
    waits: bool = False
    on_offer: Callable[[], None] = lambda: None
    writes: list[list[str]] = Factory(list)
    frames: list[bytes] = Factory(list)
    max_backlog_frames: int = 64
    max_backlog_bytes: int = 65536
    admission: Subscription = None  # type: ignore[assignment]
    errors: list[tuple[str, str | None, str | None]] = Factory(list)
    retry_after_ms: int | None = None

    @property
    def is_admitted(self) -> bool:
        return bool(self.admission)

    @property
    def got(self) -> list[str]:
        return [frame for write in self.writes for frame in write]

    def forget(self) -> None:
        self.writes.clear()
        self.frames.clear()

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        assert joined == b"".join(frames)
        self.on_offer()
        self.frames.extend(frames)
        self.writes.append([summary(frame) for frame in frames])

    def admit(self, admission: Subscription) -> None:
        """Activate the subscription, unless this member waits."""
        self.admission = admission
        if not self.waits:
            admission.activate([])

    def turn_away(self, join: Join, error: CommandError) -> None:
        assert join.member is self
        self.refuse(error)

    def refuse(self, error: CommandError) -> None:
        self.errors.append((error.code.value, error.ref, error.room))
        self.retry_after_ms = error.retry_after_ms

    def activate(self, *frames: bytes) -> Gap | None:
        return self.admission.activate(frames)


class WatchedStore(MemoryStore):
    """A memory store that can wait or fail, and records the sizes of batches."""

    commit_nowait = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.appending = trio.Event()
        self.may_go_on = trio.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None
        self.forgotten: list[str] = []
        self.looked_up: list[Collection[str]] = []

    async def append(self, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
        self.appending.set()
        await self.may_go_on.wait()
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(drafts))
        return MemoryStore.commit_nowait(self, drafts, marks)

    async def positions(self, rooms: Collection[str]) -> Mapping[str, StreamPosition]:
        self.looked_up.append(rooms)
        return await super().positions(rooms)

    async def forget(self, room: str) -> None:
        self.forgotten.append(room)
        await super().forget(room)


class LivingStore(WatchedStore):
    """A watched store that commits at once."""

    commit_nowait = MemoryStore.commit_nowait  # type: ignore[assignment]


class Scene:
    """A hub on a memory store or another one.

    ``rates`` limit the announced notices of a user, and the rooms that an address may open.
    """

    def __init__(
        self,
        store: Store | None = None,
        large_room_size: int = 200,
        node: str = "id",
        backplane: Backplane | None = None,
        rates: Rates = NO_RATES,
    ) -> None:
        ids = count(1)
        self._devices = count(1)
        self.store = store or MemoryStore()
        self.metrics = Metrics()
        notice_rate, new_room_rate = rates
        settings = Settings(
            large_room_size=large_room_size,
            notice_rate=notice_rate,
            new_room_rate=new_room_rate,
            default_room=ROOM,
        )
        context = Context(settings, self.metrics, lambda: WALL_MS, lambda: f"{node}-{next(ids)}")
        others = OtherNodes()
        if backplane is not None:
            others = self.cluster = Cluster(node, backplane, self.store, context)
        self.foreign = ForeignNodes(
            lambda: self.store.epoch, lambda: self.store.positions(()), self.metrics
        )
        self.hub = Hub(self.store, others, context)

    def receiver(self) -> BackplaneReceiver:
        clocks = Clocks(lambda: WALL_MS)
        return BackplaneReceiver(self.hub.inbox, self.cluster, self.metrics, self.foreign, clocks)

    def put(self, *requests: Request) -> None:
        """Put requests into the inbox; the hub takes them in one turn if it was idle."""
        for request in requests:
            self.hub.inbox.send_nowait(request)

    async def ask(self, *requests: Request) -> None:
        """Put requests into the inbox, and wait until the hub has handled them."""
        self.put(*requests)
        await self.hub.flush()

    async def join(
        self,
        name: str,
        *,
        room: str = ROOM,
        waits: bool = False,
        encoding: Encoding = Encoding.PLAIN,
        address: str = "",
    ) -> Recorder:
        """Join with a new member, which has a device of its own in version 2."""
        device = f"device-{next(self._devices)}" if encoding.is_version_2 else ""
        member = Recorder(encoding, Author(prepare_name(name).key, device), waits=waits)
        await self.ask(join(member, name, room, address))
        return member

    async def members(
        self, *names: str, room: str = ROOM, encoding: Encoding = Encoding.PLAIN
    ) -> list[Recorder]:
        """Join with a new member for each name; they forget the frames of that."""
        members = [await self.join(name, room=room, encoding=encoding) for name in names]
        forget(*members)
        return members

    async def tick_after(self, seconds: float) -> None:
        jump(seconds)
        await self.ask(Tick())

    async def stored(self, room: str = ROOM) -> list[str]:
        page = await self.store.read_before(room, 1 << 60, 1000)
        return [
            f"{event.seq} {'*' if event.kind in NOTICES else event.username}: {event.message}"
            for event in page.events
        ]


class AnnScene(Scene):
    """A scene in which Ann has received event 1, the notice of her own arrival."""

    ann: Recorder

    async def begin(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self.hub.run)
        (self.ann,) = await self.members("ann", encoding=Encoding.VERSION_2)


class Watched(Scene):
    """A hub on a watched store."""

    store: WatchedStore


def forget(*members: Recorder) -> None:
    for member in members:
        member.forget()


def join(member: Recorder, name: str, room: str = ROOM, address: str = "") -> Join:
    return Join(member, room, prepare_name(name), address=address)


def leave(member: Recorder, *, may_return: bool = False) -> Leave:
    return Leave(member, may_return)


def say(member: Recorder, text: str, room: str = ROOM, ref: str | None = None) -> Publish:
    return Publish(member, room, text, ref)


def edit(member: Recorder, target: str, text: str, ref: str | None = None) -> Publish:
    return Publish(member, ROOM, text, ref, Kind.EDITED, target)


def delete(member: Recorder, target: str, ref: str | None = None) -> Publish:
    return Publish(member, ROOM, "", ref, Kind.DELETED, target)


def read(member: Recorder, seq: int, room: str = ROOM) -> ReadMarker:
    return ReadMarker(seq, room, member=member)


def types(member: Recorder, room: str = ROOM) -> SetTyping:
    return SetTyping(is_typing=True, room=room, member=member)


def stops(member: Recorder, room: str = ROOM) -> SetTyping:
    return SetTyping(is_typing=False, room=room, member=member)
