"""A thousand version 2 clients in one event loop, who come back when they are sent away."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import trio
from attrs import define, field

from tests.stress.torture.record import STORED_TYPES, Record, read_event
from tests.support.frames import CLOSE, PING, PONG, TEXT, close, frame, text
from tests.support.incoming import Incoming
from tests.support.raw import Address
from tests.support.requests import head
from tests.support.waiting import POLL_SECONDS

RESTART = 1012

JOINING_AT_ONCE = 50
"""So many are let in side by side: the crowd is to be there, not to be a flood."""

STEP_SECONDS = 40.0
"""The most that anything may take: a thousand joins take six, if nobody else needs the machine."""

CHUNK_BYTES = 65_536


@define(eq=False)
class Member:
    """One client, with an address of its own, in one room.

    Attributes:
        name: The user's.
        source: The address.
        record: What it has seen of its room.
        present: Who is there, as it has been told.
        waiting: By ref, what it has said and is not acknowledged.
        acked: By ref, the id and the ``seq`` that the ``ack`` had.
        announced: The `afterMs` of each ``reconnect``.
        came_back: When it began to come back, each time.
        told: What it was told of who comes and goes.
        wrong: What should not have happened, in words.
        is_in: Whether it has joined, and is still connected.
    """

    name: str
    source: str
    record: Record
    present: set[str] = field(factory=set)
    waiting: dict[str, str] = field(factory=dict)
    acked: dict[str, tuple[str, int]] = field(factory=dict)
    announced: list[int] = field(factory=list)
    came_back: list[float] = field(factory=list)
    told: list[dict[str, Any]] = field(factory=list)
    wrong: list[str] = field(factory=list)
    is_in: bool = False
    _socket: socket.socket = field(init=False)
    _incoming: Incoming = field(factory=Incoming)
    _open: ExitStack = field(factory=ExitStack)
    _said: int = 0

    async def stay(self, address: Address, door: trio.Semaphore) -> None:
        """Connect, and come back as often as it is sent away with 1012, until cancelled."""
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
        """Say something, now or as soon as there is a connection."""
        self._said += 1
        ref = f"ref-{self._said}"
        self.waiting[ref] = f"{self.name} says {self._said}"
        if self.is_in:
            self._send_message(ref)

    async def _connect(self, address: Address) -> None:
        self._socket = self._open.enter_context(socket.socket())
        self._socket.bind((self.source, 0))
        # To this machine, so it is done at once.
        self._socket.connect(address)
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
        """Take what comes until the server closes; give its code, None if there is none."""
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
                self.told.append(event)
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
                    self.told.append(event)

    def _join(self, joined: dict[str, Any]) -> None:
        self.record.join(joined)
        if self.record.goal is not None:
            # The first time: the room is so young that all of it is here.
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
    """Make members, so many to a room, who come from addresses of 127.0.0.0/8.

    Args:
        count: How many.
        in_a_room: How many of them.
        first: Their numbers begin with this one: a multiple of a room's.
    """
    return [
        Member(
            f"user-{number}",
            f"127.7.{number // 250}.{number % 250 + 1}",
            Record(f"room-{number // in_a_room}"),
        )
        for number in range(first, first + count)
    ]


async def gather(
    members: Iterable[Member], address: Address, nursery: trio.Nursery, in_a_room: int
) -> None:
    """Let all of them join and stay in the background; return when each knows of all in its room.

    Raises:
        AssertionError: Something went wrong for somebody.
        TooSlowError: It took too long.
    """
    members = tuple(members)
    door = trio.Semaphore(JOINING_AT_ONCE)
    for member in members:
        nursery.start_soon(member.stay, address, door)

    def all_know_of_all() -> bool:
        return all(
            member.record.last >= in_a_room and len(member.present) == in_a_room
            for member in members
        )

    await until(all_know_of_all, members)


async def talk(talkers: list[Member], pause_seconds: float) -> None:
    """Let one after the other say something, until cancelled."""
    while True:
        for talker in talkers:
            talker.say()
            await trio.sleep(pause_seconds)


async def until(fact: Callable[[], bool], members: Iterable[Member]) -> None:
    """Wait for a fact; nothing may go wrong meanwhile.

    Raises:
        AssertionError: Something went wrong for somebody.
        TooSlowError: It took too long.
    """
    members = tuple(members)
    with trio.fail_after(STEP_SECONDS):
        while not fact():
            assert_well(members)
            await trio.sleep(POLL_SECONDS)


def assert_well(members: Iterable[Member]) -> None:
    """Hold that nothing went wrong for anybody."""
    for member in members:
        assert not member.wrong, f"{member.name}: {member.wrong}"
        assert not member.record.wrong, f"{member.name}: {member.record.wrong}"


def rooms(members: Iterable[Member]) -> Iterator[list[Member]]:
    """The members of each room."""
    by_room: dict[str, list[Member]] = {}
    for member in members:
        by_room.setdefault(member.record.room, []).append(member)
    yield from by_room.values()
