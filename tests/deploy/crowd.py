"""A thousand version 2 clients in one event loop, which reconnect after a close with 1012."""

import json
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import trio
from attrs import define, field

from tests.stress.torture.record import STORED_TYPES, Record, read_event
from tests.support.frames import CLOSE, PING, PONG, TEXT, close, frame, text
from tests.support.raw import Address, Incoming
from tests.support.requests import head
from tests.support.waiting import POLL_SECONDS

RESTART = 1012

JOINING_AT_ONCE = 50
"""The number of clients that join at the same time, so that the start is no flood."""

STEP_SECONDS = 40.0
"""The limit of each wait: a thousand joins take six seconds on an idle machine."""

CHUNK_BYTES = 65_536


@define(eq=False)
class Member:
    """One client in one room, with an address of its own.

    Attributes:
        record: The events of the room.
        present: The users in the room.
        waiting: The texts of unacknowledged messages by ref.
        acked: The id and ``seq`` of each ``ack`` by ref.
        announced: The `afterMs` of each ``reconnect``.
        came_back: The time of each reconnection.
        changes: The received changes of presence and notices.
        wrong: Descriptions of what must not happen.
        is_in: Whether it is connected and has joined.
    """

    name: str
    source: str
    record: Record
    present: set[str] = field(factory=set)
    waiting: dict[str, str] = field(factory=dict)
    acked: dict[str, tuple[str, int]] = field(factory=dict)
    announced: list[int] = field(factory=list)
    came_back: list[float] = field(factory=list)
    changes: list[dict[str, Any]] = field(factory=list)
    wrong: list[str] = field(factory=list)
    is_in: bool = False
    _socket: socket.socket = field(init=False)
    _incoming: Incoming = field(factory=Incoming)
    _open: ExitStack = field(factory=ExitStack)
    _sent: int = 0

    async def stay(self, address: Address, door: trio.Semaphore) -> None:
        """Connect, and reconnect after each close with 1012, until cancelled."""
        with self._open:
            async with door:
                await self._connect(address)
                await self._receive(until=lambda: self.is_in)
            while not self.wrong:
                code = await self._receive(until=lambda: False)
                self.is_in = False
                if code != RESTART:
                    self.wrong.append(f"closed with {code}")
                    return
                self._open.close()
                self.came_back.append(trio.current_time())
                await self._connect(address)

    def say(self) -> None:
        """Send a message now, or after the reconnection."""
        self._sent += 1
        ref = f"ref-{self._sent}"
        self.waiting[ref] = f"{self.name} sends {self._sent}"
        if self.is_in:
            self._send_message(ref)

    async def _connect(self, address: Address) -> None:
        self._socket = self._open.enter_context(socket.socket())
        self._socket.bind((self.source, 0))
        self._socket.connect(address)  # at once, because it is on this machine
        self._socket.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        self._socket.send(head())
        self.record.connect()
        self._incoming = Incoming()
        while (response := self._incoming.response()) is None:
            if not (data := await self._read()):
                self.wrong.append("ended without an answer")
                return
            self._incoming.feed(data)
        if response.status != 101:
            self.wrong.append(f"refused: {response}")
            return
        device = f"device-of-{self.name}"
        rooms = {self.record.room: self.record.since()}
        self._send(type="hello", v=2, username=self.name, device=device, rooms=rooms)

    async def _receive(self, until: Callable[[], bool]) -> int | None:
        """Handle frames until a condition or the end; return the close code, if any."""
        code = None
        while not self.wrong and not until():
            if (taken := self._incoming.frame()) is None:
                if not (data := await self._read()):
                    return code
                self._incoming.feed(data)
            elif taken.opcode == TEXT:
                self._take(json.loads(taken.payload))
            elif taken.opcode == PING:
                self._socket.send(frame(PONG, taken.payload))
            elif taken.opcode == CLOSE:
                code = taken.close_code
                self.is_in = False
                self._socket.send(close(code))
        return code

    async def _read(self) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(CHUNK_BYTES)
            except BlockingIOError:
                continue
            except ConnectionError:
                return b""

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "joined":
                self._join(event)
            case "presence":
                self.changes.append(event)
                self.present.update(event["online"])
                self.present.difference_update(event["offline"])
            case "ack":
                self.waiting.pop(event["ref"], None)
                self.acked[event["ref"]] = (event["id"], event["seq"])
            case "reconnect":
                self.announced.append(event["afterMs"])
            case "error":
                self.wrong.append(f"an error: {event}")
            case kind if kind in STORED_TYPES:
                self.record.live(read_event(event))
                if kind == "system":
                    self.changes.append(event)

    def _join(self, joined: dict[str, Any]) -> None:
        self.record.join(joined)
        if self.record.goal is not None:  # the first time: the history is the whole room
            self.record.page(joined["history"])
        self.present = set(joined["users"])
        self.is_in = True
        for ref in self.waiting:
            self._send_message(ref)

    def _send_message(self, ref: str) -> None:
        self._send(type="message", room=self.record.room, message=self.waiting[ref], ref=ref)

    def _send(self, **fields: object) -> None:
        data = text(json.dumps(fields))
        assert self._socket.send(data) == len(data)


def crowd(count: int, in_a_room: int, first: int = 0) -> list[Member]:
    """Return members with addresses in 127.0.0.0/8; ``first`` is a multiple of a room's size."""
    return [
        Member(
            f"user-{number}",
            f"127.7.{number // 250}.{number % 250 + 1}",
            Record(f"room-{number // in_a_room}"),
        )
        for number in range(first, first + count)
    ]


async def gather(
    members: list[Member], address: Address, nursery: trio.Nursery, in_a_room: int
) -> None:
    """Let all join and stay in the background, and wait until each knows all users of its room."""
    door = trio.Semaphore(JOINING_AT_ONCE)
    for member in members:
        nursery.start_soon(member.stay, address, door)
    await until(
        lambda: all(
            member.record.last >= in_a_room and len(member.present) == in_a_room
            for member in members
        ),
        members,
    )


async def talk(talkers: list[Member], pause_seconds: float) -> None:
    """Let one after the other send a message, until cancelled."""
    while True:
        for talker in talkers:
            talker.say()
            await trio.sleep(pause_seconds)


async def until(fact: Callable[[], bool], members: Iterable[Member]) -> None:
    """Wait for a fact while nothing goes wrong."""
    members = tuple(members)
    with trio.fail_after(STEP_SECONDS):
        while not fact():
            assert_well(members)
            await trio.sleep(POLL_SECONDS)


def assert_well(members: Iterable[Member]) -> None:
    """Assert that nothing went wrong for any member."""
    for member in members:
        assert not member.wrong, f"{member.name}: {member.wrong}"
        assert not member.record.wrong, f"{member.name}: {member.record.wrong}"


def rooms(members: Iterable[Member]) -> list[list[Member]]:
    """Return the members of each room."""
    by_room: dict[str, list[Member]] = {}
    for member in members:
        by_room.setdefault(member.record.room, []).append(member)
    return list(by_room.values())
