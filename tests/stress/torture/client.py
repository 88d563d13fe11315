"""A client that is cut off again and again, comes back, and goes on."""

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import trio
from attrs import define, field, frozen

from tests.stress.torture.record import LOGGED_TYPES, Record, seen
from tests.stress.torture.wire import Ended, Wire, open_wire

MOST_WAITING = 4
"""So many messages of a client may be unacknowledged; there is always something to lose."""

ASK_AGAIN_SECONDS = 2.0
"""How often what is not acknowledged is sent again, more or less."""

FIRST_WAIT_SECONDS = 0.3
"""At most so long before it comes back; twice as long each time that it gets nowhere."""

LONGEST_WAIT_SECONDS = 2.0
"""A crowd that asks more often keeps a small machine busy with nothing but that."""

SILENT_SECONDS = 1.0
"""How long a connection that is left behind stays open, unread."""


@frozen
class Pace:
    """How restless clients are.

    Attributes:
        pause_seconds: Between two messages, more or less.
        uncut_seconds: Between coming and being cut, on average.
    """

    pause_seconds: float = 0.1
    uncut_seconds: float = 2.0


@frozen
class Message:
    """One that is sent until it is acknowledged."""

    ref: str
    room: str
    text: str


@frozen
class Acked:
    """What an ``ack`` has said of a message.

    Attributes:
        epoch: Of the history that the client knew then.
    """

    room: str
    id: str
    seq: int
    epoch: str | None = field(default=None, eq=False)


@define(eq=False)
class Client:
    """One user with one device.

    Attributes:
        name: The user's.
        port: Where it comes to.
        rng: Decides what it does when.
        pace: How restless it is.
        records: By room, what it has seen.
        waiting: By ref, in the order of sending, what is not acknowledged.
        sent: By ref, all it has ever sent.
        acked: By ref, what was acknowledged.
        is_talking: Whether it has more to say.
        is_cut: Whether its connections are cut.
        cuts: How many were.
        dups: How many acknowledgements were for a repeat.
        unavailable: How often the store was out of reach.
        slowest_refusal: The most seconds that it took to be told so.
        wrong: What broke a promise, in words.
    """

    name: str
    port: int
    rng: random.Random
    pace: Pace
    records: dict[str, Record]
    waiting: dict[str, Message] = field(factory=dict)
    sent: dict[str, Message] = field(factory=dict)
    acked: dict[str, Acked] = field(factory=dict)
    is_talking: bool = True
    is_cut: bool = True
    cuts: int = 0
    dups: int = 0
    unavailable: int = 0
    slowest_refusal: float = 0.0
    wrong: list[str] = field(factory=list)
    _leaves_behind: bool = False
    _wait_seconds: float = FIRST_WAIT_SECONDS
    _asked_at: dict[str, float] = field(factory=dict)
    """By ref, since when an answer is waited for."""

    async def run(self) -> None:
        """Be there until cancelled."""
        async with trio.open_nursery() as left_behind:
            while True:
                with suppress(Ended):
                    await self._come(left_behind)
                await trio.sleep(self.rng.uniform(0.1, 1.0) * self._wait_seconds)
                self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)

    async def _come(self, left_behind: trio.Nursery) -> None:
        wire = await open_wire(self.port)
        try:
            await self._talk(wire)
        finally:
            if self._leaves_behind:
                self._leaves_behind = False
                left_behind.start_soon(_cut_later, wire)
            else:
                wire.cut()

    async def _talk(self, wire: Wire) -> None:
        """Say hello, resume, and go on until the connection is over."""
        rooms = {name: record.since() for name, record in self.records.items()}
        for record in self.records.values():
            record.connect()
        device = f"device-of-{self.name}"
        hello = {"type": "hello", "v": 2, "username": self.name, "device": device, "rooms": rooms}
        try:
            await wire.send(hello)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, wire)
                nursery.start_soon(self._send, wire)
                nursery.start_soon(self._cut, wire)
        except* Ended:
            pass

    # --- sending ------------------------------------------------------------------------------

    async def _send(self, wire: Wire) -> None:
        await self._ask_again(wire)
        asked_at = trio.current_time()
        while True:
            await trio.sleep(self.rng.uniform(0.5, 1.5) * self.pace.pause_seconds)
            if trio.current_time() - asked_at >= ASK_AGAIN_SECONDS:
                await self._ask_again(wire)
                asked_at = trio.current_time()
            if self.is_talking and len(self.waiting) < MOST_WAITING:
                await self._ask(wire, self._next())

    async def _ask_again(self, wire: Wire) -> None:
        """Send again, with the same ref, all that is not acknowledged."""
        for message in list(self.waiting.values()):
            await self._ask(wire, message)

    async def _ask(self, wire: Wire, message: Message) -> None:
        self._asked_at.setdefault(message.ref, trio.current_time())
        await wire.send(_frame(message))

    def _next(self) -> Message:
        number = len(self.sent)
        room = self.rng.choice(sorted(self.records))
        message = Message(f"ref-{number}", room, f"{self.name} says {number}")
        self.sent[message.ref] = self.waiting[message.ref] = message
        return message

    async def _cut(self, wire: Wire) -> None:
        await trio.sleep(self.rng.expovariate(1 / self.pace.uncut_seconds))
        if not self.is_cut:
            return
        self.cuts += 1
        how = self.rng.choice(("reset", "half", "silent"))
        self._leaves_behind = how == "silent"
        if how == "half":
            await wire.send_half({"type": "message", "message": "x" * 100, "ref": "half"})
        raise Ended

    # --- receiving ----------------------------------------------------------------------------

    async def _receive(self, wire: Wire) -> None:
        while True:
            frame = await wire.receive()
            match frame["type"]:
                case "joined":
                    self._wait_seconds = FIRST_WAIT_SECONDS
                    record = self.records[frame["room"]]
                    record.join(frame)
                    await self._catch_up(wire, record)
                case "history":
                    record = self.records[frame["room"]]
                    if record.page(frame["history"]):
                        await self._catch_up(wire, record)
                case "ack":
                    self._acknowledge(frame)
                case "error":
                    self._take_error(frame)
                case "heartbeat":
                    # On a busy machine one may come before the server has read our hello.
                    for room, head in frame.get("heads", {}).items():
                        self.records[room].hear_head(head)
                case kind if kind in LOGGED_TYPES:
                    self.records[frame["room"]].live(seen(frame))

    async def _catch_up(self, wire: Wire, record: Record) -> None:
        if record.goal is not None:
            page = {"type": "history", "room": record.room, "after": record.last, "limit": 100}
            record.asked += 1
            await wire.send(page)

    def _acknowledge(self, frame: dict[str, Any]) -> None:
        ref = frame["ref"]
        ack = Acked(frame["room"], frame["id"], frame["seq"], self.records[frame["room"]].epoch)
        self.dups += bool(frame.get("dup"))
        before = self.acked.get(ref, ack)
        if before != ack and before.epoch == ack.epoch:
            # An older copy may have taken the place of the database; then the client is told soon.
            self.records[ack.room].doubt(f"{ref} was {before}, and is {ack}")
        self.acked[ref] = ack
        self.waiting.pop(ref, None)
        self._asked_at.pop(ref, None)

    def _take_error(self, frame: dict[str, Any]) -> None:
        if frame["code"] == "unavailable":
            self.unavailable += 1
            if "ref" not in frame:  # a room that could not be joined, or a page that did not come
                raise Ended
            asked_at = self._asked_at.pop(frame["ref"], trio.current_time())
            self.slowest_refusal = max(self.slowest_refusal, trio.current_time() - asked_at)
        else:
            self.wrong.append(f"refused: {frame}")


async def _cut_later(wire: Wire) -> None:
    """Let the server believe for a while that somebody is still there, who takes nothing."""
    try:
        await trio.sleep(SILENT_SECONDS)
    finally:
        wire.cut()


def _frame(message: Message) -> dict[str, Any]:
    return {
        "type": "message",
        "room": message.room,
        "message": message.text,
        "ref": message.ref,
    }


def crowd(
    count: int, rooms: Sequence[str], port: int, seed: int, pace: Pace | None = None
) -> list[Client]:
    """Make clients, each in all of the rooms but one.

    Args:
        count: How many.
        rooms: The rooms.
        port: As of each `Client`.
        seed: Of all of them.
        pace: As of each `Client`.
    """
    pace = pace or Pace()
    made = []
    for number in range(count):
        records = {room: Record(room) for place, room in enumerate(rooms) if place != number % 3}
        rng = random.Random(f"{seed}-{number}")
        made.append(Client(f"user{number}", port, rng, pace, records))
    return made
