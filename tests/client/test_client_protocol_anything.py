"""Whatever happens to the connections, each event arrives once and each message is stored once."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from attrs import frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.client.model import LIMITS, ModelServer, Peer
from trio_chat.client import client_protocol, inbox
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.events import Disconnected, Event, Gap, Joined, LoggedEvent, Message, Position
from trio_chat.client.requests import Request
from trio_chat.protocol.commands import SendMessage
from trio_chat.protocol.messages import Ack

ROOMS = ("general", "dev")
NEWEST = 3
MAX_RESTARTS = 3
MAX_EVENTS = 6
BROKEN = Disconnected("The connection broke", None, 1.0)


@frozen
class Asked:
    """A message whose acknowledgement the user awaits."""

    room: str
    text: str
    request: Request


class Witness:
    """Takes events, and checks that each may come next."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.next: dict[str, int] = {}
        self.lost: set[str] = set()

    def take(self, event: Event) -> None:
        match event:
            case Joined(is_resumed=False):
                assert (event.room in self.next) == (event.room in self.lost), "begins anew"
                self.lost.discard(event.room)
                assert [each.seq for each in event.history] == sorted(
                    range(event.head, max(0, event.head - NEWEST), -1)
                )
                self.next[event.room] = event.head + 1
            case Joined():
                assert event.room in self.next, "resumes a room that never began"
            case Gap(before=None):
                assert event.after == self.next[event.room] - 1
                self.lost.add(event.room)
            case Message():
                self._check(event)

    def _check(self, event: LoggedEvent) -> None:
        assert event.room not in self.lost, "an event between a gap and a new beginning"
        assert event.seq == self.next[event.room], "a gap, a repeat, or out of order"
        self.next[event.room] += 1


def may_restart(machine: "Anything") -> bool:
    return len(machine.witness.next) == len(ROOMS) and machine.restarts < MAX_RESTARTS


class Anything(RuleBasedStateMachine):
    """A client, a server, and an unreliable network between them."""

    @initialize(burst=st.sampled_from([1, 20]), resume=st.sampled_from([2, 500]))
    def begin(self, burst: int, resume: int) -> None:
        self.server = ModelServer(resume=resume, newest=NEWEST, limits={**LIMITS, "burst": burst})
        for room in ROOMS:
            self.server.send_message(room, "before")
        self.witness = Witness(self.server)
        self.numbers = itertools.count(1)
        self.now = 0.0
        self.peer: Peer | None = None
        self.asked: list[Asked] = []
        self.restarts = 0
        self.protocol = self.new_protocol(Position("secret"))

    def new_protocol(self, position: Position) -> ClientProtocol:
        return ClientProtocol(
            "ann", position.device, ROOMS, position.rooms, lambda: f"r{next(self.numbers)}"
        )

    @precondition(lambda self: self.peer is None)
    @rule(count=st.integers(0, 20))
    def the_client_connects(self, count: int) -> None:
        self.peer = self.server.connect()
        self.protocol.connected()
        self.the_client_sends(0.0)
        self.the_client_receives(count)

    @precondition(lambda self: self.peer is not None)
    @rule()
    def the_connection_breaks(self) -> None:
        assert self.peer is not None
        self.server.cut(self.peer)
        self.peer = None
        self.protocol.disconnected(BROKEN)

    @precondition(lambda self: self.peer is not None)
    @rule(count=st.integers(1, 20))
    def the_client_receives(self, count: int) -> None:
        assert self.peer is not None
        for _ in range(min(count, len(self.peer.sent))):
            message = self.peer.sent.popleft()
            self.protocol.receive(json.dumps(message), self.now)

    @precondition(lambda self: self.peer is not None)
    @rule(seconds=st.sampled_from([0.01, 0.3, 5.0]))
    def the_client_sends(self, seconds: float) -> None:
        assert self.peer is not None
        self.now += seconds
        for text in self.protocol.outgoing(self.now):
            self.server.receive(self.peer, text)

    @precondition(lambda self: self.peer is not None)
    @rule()
    def the_network_works(self) -> None:
        self.the_client_sends(1.0)
        self.the_client_receives(20)
        self.the_user_takes(20)
        self.the_client_sends(1.0)

    @precondition(lambda self: self.peer is not None)
    @rule()
    def messages_are_lost_with_the_connection(self) -> None:
        self.protocol.outgoing(self.now)
        self.the_connection_breaks()

    @rule(room=st.sampled_from(ROOMS), count=st.integers(1, 8))
    def others_send(self, room: str, count: int) -> None:
        for _ in range(count):
            self.server.send_message(room, "chatter")

    @rule(room=st.sampled_from(ROOMS))
    def the_user_sends(self, room: str) -> None:
        ref = self.protocol.new_ref()
        text = f"mine {ref}"
        command = SendMessage(text, room, ref)
        request = self.protocol.ask(command, ref, lambda _: None)
        self.asked.append(Asked(room, text, request))

    @rule(count=st.integers(1, 5))
    def the_user_takes(self, count: int) -> None:
        for _ in range(count):
            if self.protocol.has_events():
                self.witness.take(self.protocol.take())

    @precondition(lambda self: self.peer is not None)
    @rule(room=st.sampled_from(ROOMS), count=st.integers(1, 2))
    def the_server_is_broken(self, room: str, count: int) -> None:
        """Send one event twice, and skip others."""
        assert self.peer is not None
        if self.server.stores.get(room) and room in self.peer.rooms:
            self.peer.sent.append(self.server.stores[room][-1])
        self.peer.skips = count
        self.server.send_message(room, "skipped")

    @precondition(lambda self: self.peer is not None)
    @rule()
    def a_heartbeat(self) -> None:
        assert self.peer is not None
        heads = {room: len(self.server.stores.get(room, ())) for room in self.peer.rooms}
        self.peer.sent.append({"type": "heartbeat", "time": 1, "heads": heads})

    @rule(code=st.sampled_from(["rate_limited", "unavailable"]))
    def the_next_command_is_deferred(self, code: str) -> None:
        self.server.refuses.append({"code": code, "retryAfterMs": 100})

    @precondition(may_restart)
    @rule()
    def the_server_restarts_with_an_empty_store(self) -> None:
        if self.peer is not None:
            self.the_connection_breaks()
        # Pending commands are answered once, by the old store or by the new one.
        self.settle()
        self.the_connection_breaks()
        self.restarts += 1
        self.asked.clear()
        self.server.begin_anew()
        for room in ROOMS:
            self.server.send_message(room, "a new life")

    @precondition(may_restart)
    @rule()
    def the_program_restarts_with_its_position(self) -> None:
        if self.peer is not None:
            self.the_connection_breaks()
        self.restarts += 1
        self.protocol = self.new_protocol(self.protocol.position())
        # A message whose acknowledgement is lost was stored at most once.
        self.check_store()
        self.asked.clear()

    @invariant()
    def the_inbox_is_bounded(self) -> None:
        if hasattr(self, "protocol"):
            # A gap comes with the event after it.
            assert len(self.protocol._inbox) <= MAX_EVENTS + 1

    def settle(self) -> None:
        if self.peer is None:
            self.the_client_connects(0)
        assert self.peer is not None
        self.peer.skips = 0
        for _ in range(500):
            # Only a heartbeat reveals that the last event is missing.
            self.a_heartbeat()
            self.the_client_receives(1000)
            self.the_user_takes(1000)
            self.the_client_sends(1.0)
            if not self.peer.sent and not self.protocol.has_events() and self.is_quiet():
                return
        raise AssertionError("messages never cease")

    def is_quiet(self) -> bool:
        return all(each.request.answer is not None for each in self.asked)

    def check_store(self) -> None:
        for room in ROOMS:
            texts = Counter(each["message"] for each in self.server.stores[room])
            assert all(texts[each.text] <= 1 for each in self.asked if each.room == room)

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.settle()
        self.check_store()
        logged = [each for store in self.server.stores.values() for each in store]
        for asked in self.asked:
            (event,) = [each for each in logged if each["message"] == asked.text]
            assert isinstance(asked.request.answer, Ack)
            assert asked.request.answer.id == event["id"]
        for room in ROOMS:
            assert self.witness.next[room] == len(self.server.stores[room]) + 1


@pytest.fixture(autouse=True)
def little_space() -> Iterator[None]:
    with (
        patch.object(inbox, "MAX_EVENTS", MAX_EVENTS),
        patch.object(client_protocol, "PAGE_EVENTS", 3),
    ):
        yield


def test_events_arrive_once_and_messages_are_stored_once() -> None:
    run_state_machine_as_test(Anything, settings=settings(stateful_step_count=60))
