"""A model of a version 2 server, without event loop and socket, with faults on demand."""

import json
from collections import deque
from typing import Any

from attrs import define, field

LIMITS = {
    "frameBytes": 65536,
    "messageChars": 4096,
    "ratePerSecond": 10,
    "burst": 20,
    "rooms": 50,
    "resume": 500,
}

JsonMessage = dict[str, Any]


@define(eq=False)
class Peer:
    """One connection of the server; a faulty server does not send the next `skips` events."""

    sent: deque[JsonMessage] = field(factory=deque)
    received: list[JsonMessage] = field(factory=list)
    rooms: set[str] = field(factory=set)
    username: str = ""
    device: str = ""
    skips: int = 0


@define(eq=False)
class ModelServer:
    """The server.

    Attributes:
        newest: The number of events in a ``joined`` that does not resume.
        keep: The number of events that each room keeps.
        refuses: The errors that answer the next commands.
    """

    epoch: str = "e1"
    stores: dict[str, list[JsonMessage]] = field(factory=dict)
    peers: list[Peer] = field(factory=list)
    resume: int = 500
    newest: int = 50
    keep: int = 1_000_000
    refuses: deque[JsonMessage] = field(factory=deque)
    limits: JsonMessage = field(factory=LIMITS.copy)
    marks: dict[tuple[str, str], int] = field(factory=dict)
    _done: dict[tuple[str, str], tuple[JsonMessage, JsonMessage]] = field(factory=dict)

    def connect(self) -> Peer:
        peer = Peer()
        self.peers.append(peer)
        return peer

    def cut(self, peer: Peer) -> None:
        """Break a connection and lose all messages on their way."""
        if peer in self.peers:
            self.peers.remove(peer)

    def begin_anew(self) -> None:
        """Restart with an empty store."""
        self.epoch = f"e{int(self.epoch[1:]) + 1}"
        self.stores.clear()
        self._done.clear()
        self.peers.clear()

    def send_message(self, room: str, text: str, username: str = "someone") -> JsonMessage:
        """Store and send a message of another user."""
        return self._store({"type": "message", "room": room, "username": username, "message": text})

    def receive(self, peer: Peer, text: str) -> None:
        message: JsonMessage = json.loads(text)
        peer.received.append(message)
        if message["type"] == "hello":
            self._welcome(peer, message)
        elif message["type"] == "read":
            key = (peer.username, message["room"])
            self.marks[key] = max(message["seq"], self.marks.get(key, 0))
        elif message["type"] != "typing":
            self._command(peer, message)

    def _welcome(self, peer: Peer, message: JsonMessage) -> None:
        peer.username, peer.device = message["username"], message["device"]
        name = {"username": peer.username, "device": peer.device}
        peer.sent.append({"type": "welcome", "v": 2, **name, "limits": self.limits})
        for room, since in (message["rooms"] or {"general": {}}).items():
            self._join(peer, room, since, {})

    def _command(self, peer: Peer, message: JsonMessage) -> None:
        ref = {"ref": message["ref"]}
        if self.refuses:
            peer.sent.append({"type": "error", "message": "no", **self.refuses.popleft(), **ref})
        elif message["type"] == "join":
            self._join(peer, message["room"], message, ref)
        elif message["type"] == "auth":
            peer.sent.append({"type": "ack", **ref})
        elif message["room"] not in peer.rooms:
            peer.sent.append({"type": "error", "code": "not_joined", "message": "no", **ref})
        elif message["type"] == "leave":
            peer.rooms.remove(message["room"])
            peer.sent.append({"type": "ack", **ref})
        elif message["type"] == "history":
            peer.sent.append({"type": "history", **self._page(message), **ref})
        else:
            self._change(peer, message, ref)

    def _join(self, peer: Peer, room: str, since: JsonMessage, ref: JsonMessage) -> None:
        store = self.stores.setdefault(room, [])
        seq = since.get("since", -1)
        recovered = since.get("epoch") == self.epoch and 0 <= len(store) - seq <= self.resume
        history = self._kept(room)[-self.newest :]
        if recovered:
            history = store[seq:]
        peer.rooms.add(room)
        peer.sent.append(
            {
                "type": "joined",
                "room": room,
                "epoch": self.epoch,
                "head": len(store),
                "read": self.marks.get((peer.username, room), 0),
                "users": sorted({each.username for each in self.peers if room in each.rooms}),
                "count": 1,
                "reads": {},
                "recovered": recovered,
                "history": history,
                "more": len(history) < len(store),
                **ref,
            }
        )

    def _kept(self, room: str) -> list[JsonMessage]:
        store = self.stores[room]
        return store[max(0, len(store) - self.keep) :]

    def _page(self, message: JsonMessage) -> JsonMessage:
        store, limit = self._kept(message["room"]), message.get("limit", 50)
        if "after" in message:
            found = [each for each in store if each["seq"] > message["after"]]
            return {"room": message["room"], "history": found[:limit], "more": len(found) > limit}
        found = [
            each for each in store if each["seq"] < message.get("before", len(store) + 1_000_000)
        ]
        return {"room": message["room"], "history": found[-limit:], "more": len(found) > limit}

    def _change(self, peer: Peer, message: JsonMessage, ref: JsonMessage) -> None:
        key = (peer.device, message["ref"])
        known, event = self._done.get(key, (message, None))
        if known != message:
            peer.sent.append({"type": "error", "code": "conflict", "message": "no", **ref})
            return
        is_repeat = event is not None
        place = len(peer.sent)  # the ack goes out before the copy of the sender
        if event is None:
            kinds = {"message": "message", "edit": "edited", "delete": "deleted"}
            draft = {"type": kinds[message["type"]], "room": message["room"]}
            target = {"target": message["id"]} if "id" in message else {}
            text = message.get("message", "")
            event = self._store({**draft, "username": peer.username, "message": text, **target})
            self._done[key] = (message, event)
        ack = {key: event[key] for key in ("room", "id", "seq")}
        peer.sent.insert(place, {"type": "ack", **ack, "dup": is_repeat, **ref})

    def _store(self, draft: JsonMessage) -> JsonMessage:
        store = self.stores.setdefault(draft["room"], [])
        seq = len(store) + 1
        event = {
            "id": f"{self.epoch}-{draft['room']}-{seq}",
            "seq": seq,
            "time": "12:00:00",
            "ts": 1_700_000_000_000 + seq,
            **draft,
        }
        store.append(event)
        for peer in self.peers:
            if draft["room"] not in peer.rooms:
                continue
            if peer.skips:
                peer.skips -= 1
            else:
                peer.sent.append(event)
        return event
