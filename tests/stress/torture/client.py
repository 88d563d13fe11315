"""A client that loses its connection again and again, reconnects, and resumes."""

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import trio
from attrs import define, field, frozen

from tests.stress.torture.record import STORED_TYPES, Record, read_event
from tests.stress.torture.wire import Ended, Wire, open_wire

MAX_UNACKNOWLEDGED = 4
"""Messages that a client has in flight, so that a crash always has something to lose."""

RESEND_SECONDS = 2.0
"""The approximate time between two attempts to send an unacknowledged message."""

FIRST_WAIT_SECONDS = 0.3
"""The longest first wait before reconnecting; each failure doubles it."""

LONGEST_WAIT_SECONDS = 2.0
"""Shorter waits would keep a small machine busy with reconnecting alone."""

SILENT_SECONDS = 1.0
"""How long an abandoned connection stays open, unread."""


@frozen
class Pace:
    """How often clients send and lose their connection.

    Attributes:
        pause_seconds: The approximate time between two messages.
        uncut_seconds: The average life of a connection.
    """

    pause_seconds: float = 0.1
    uncut_seconds: float = 2.0


@frozen
class Message:
    """A message, sent until the server acknowledges it."""

    ref: str
    room: str
    text: str


@frozen
class Acked:
    """The content of an ``ack``.

    Attributes:
        epoch: The epoch that the client knew then.
    """

    room: str
    id: str
    seq: int
    epoch: str | None = field(default=None, eq=False)


@define(eq=False)
class Client:
    """One user with one device.

    Attributes:
        name: The name of the user.
        port: The port of the server.
        rng: Decides what the client does when.
        pace: How often it sends and loses its connection.
        records: The events received, by room.
        waiting: Unacknowledged messages by ref, in the order of sending.
        sent: All messages sent, by ref.
        acked: Acknowledgements, by ref.
        is_sending: Whether it still sends new messages.
        is_cut: Whether its connections are cut.
        cuts: The number of connections cut.
        dups: The number of acknowledgements with ``dup``.
        unavailable: The number of errors with code ``unavailable``.
        slowest_refusal: The longest time until such an error, in seconds.
        wrong: Broken promises, in words.
    """

    name: str
    port: int
    rng: random.Random
    pace: Pace
    records: dict[str, Record]
    waiting: dict[str, Message] = field(factory=dict)
    sent: dict[str, Message] = field(factory=dict)
    acked: dict[str, Acked] = field(factory=dict)
    is_sending: bool = True
    is_cut: bool = True
    cuts: int = 0
    dups: int = 0
    unavailable: int = 0
    slowest_refusal: float = 0.0
    wrong: list[str] = field(factory=list)
    _leaves_behind: bool = False
    _wait_seconds: float = FIRST_WAIT_SECONDS
    _asked_at: dict[str, float] = field(factory=dict)
    """When the client first sent each unanswered message, by ref."""

    async def run(self) -> None:
        """Connect, send and receive until cancelled."""
        async with trio.open_nursery() as left_behind:
            while True:
                with suppress(Ended):
                    await self._connect(left_behind)
                await trio.sleep(self.rng.uniform(0.1, 1.0) * self._wait_seconds)
                self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)

    async def _connect(self, left_behind: trio.Nursery) -> None:
        wire = await open_wire(self.port)
        try:
            await self._use(wire)
        finally:
            if self._leaves_behind:
                self._leaves_behind = False
                left_behind.start_soon(_cut_later, wire)
            else:
                wire.cut()

    async def _use(self, wire: Wire) -> None:
        """Send a hello that resumes all rooms, then send and receive until the connection ends."""
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
        await self._resend(wire)
        asked_at = trio.current_time()
        while True:
            await trio.sleep(self.rng.uniform(0.5, 1.5) * self.pace.pause_seconds)
            if trio.current_time() - asked_at >= RESEND_SECONDS:
                await self._resend(wire)
                asked_at = trio.current_time()
            if self.is_sending and len(self.waiting) < MAX_UNACKNOWLEDGED:
                await self._send_message(wire, self._next())

    async def _resend(self, wire: Wire) -> None:
        """Send all unacknowledged messages again, with the same ref."""
        for message in list(self.waiting.values()):
            await self._send_message(wire, message)

    async def _send_message(self, wire: Wire, message: Message) -> None:
        self._asked_at.setdefault(message.ref, trio.current_time())
        await wire.send(_as_json(message))

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
            message = await wire.receive()
            match message["type"]:
                case "joined":
                    self._wait_seconds = FIRST_WAIT_SECONDS
                    record = self.records[message["room"]]
                    record.join(message)
                    await self._catch_up(wire, record)
                case "history":
                    record = self.records[message["room"]]
                    if record.page(message["history"]):
                        await self._catch_up(wire, record)
                case "ack":
                    self._acknowledge(message)
                case "error":
                    self._take_error(message)
                case "heartbeat":
                    # On a busy machine a heartbeat may come before the server has read our hello.
                    for room, head in message.get("heads", {}).items():
                        self.records[room].check_head(head)
                case kind if kind in STORED_TYPES:
                    self.records[message["room"]].live(read_event(message))

    async def _catch_up(self, wire: Wire, record: Record) -> None:
        if record.goal is not None:
            page = {"type": "history", "room": record.room, "after": record.last, "limit": 100}
            record.asked += 1
            await wire.send(page)

    def _acknowledge(self, answer: dict[str, Any]) -> None:
        ref = answer["ref"]
        ack = Acked(answer["room"], answer["id"], answer["seq"], self.records[answer["room"]].epoch)
        self.dups += bool(answer.get("dup"))
        before = self.acked.get(ref, ack)
        if before != ack and before.epoch == ack.epoch:
            # If an older copy has replaced the database, the client soon receives its epoch.
            self.records[ack.room].suspect(f"{ref} was {before}, and is {ack}")
        self.acked[ref] = ack
        self.waiting.pop(ref, None)
        self._asked_at.pop(ref, None)

    def _take_error(self, error: dict[str, Any]) -> None:
        if error["code"] == "unavailable":
            self.unavailable += 1
            if "ref" not in error:  # the answer to a join or to a request for history
                raise Ended
            asked_at = self._asked_at.pop(error["ref"], trio.current_time())
            self.slowest_refusal = max(self.slowest_refusal, trio.current_time() - asked_at)
        else:
            self.wrong.append(f"refused: {error}")


async def _cut_later(wire: Wire) -> None:
    """Leave the connection open and unread for a while, then reset it."""
    try:
        await trio.sleep(SILENT_SECONDS)
    finally:
        wire.cut()


def _as_json(message: Message) -> dict[str, Any]:
    return {"type": "message", "room": message.room, "message": message.text, "ref": message.ref}


def make_clients(
    count: int, rooms: Sequence[str], port: int, seed: int, pace: Pace | None = None
) -> list[Client]:
    """Return clients, each in all rooms except at most one.

    Args:
        count: The number of clients.
        rooms: The names of the rooms.
        port: The port of the server.
        seed: The seed of all random decisions.
        pace: How often each sends and loses its connection.
    """
    pace = pace or Pace()
    made = []
    for number in range(count):
        records = {room: Record(room) for place, room in enumerate(rooms) if place != number % 3}
        rng = random.Random(f"{seed}-{number}")
        made.append(Client(f"user{number}", port, rng, pace, records))
    return made
