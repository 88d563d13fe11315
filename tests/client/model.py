"""A server of version 2 in a few lines: no event loop, no socket, and bad manners on demand."""

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

Frame = dict[str, Any]


@define(eq=False)
class Peer:
    """One connection, as the server has it.

    Attributes:
        sent: What it has been sent and has not received yet.
        received: What it has said.
        rooms: Where it is.
        username: Who it is; empty before the hello.
        skips: As many events from now on never reach it, as on a server that is broken.
    """

    sent: deque[Frame] = field(factory=deque)
    received: list[Frame] = field(factory=list)
    rooms: set[str] = field(factory=set)
    username: str = ""
    device: str = ""
    skips: int = 0


@define(eq=False)
class ModelServer:
    """The server.

    Attributes:
        epoch: The life of its store.
        logs: The events of each room.
        peers: Who is connected.
        resume: It resumes no more than this many events.
        newest: As many are in a ``joined`` that resumes nothing.
        keep: It has forgotten all events of a room but as many.
        refuses: The next commands get these errors instead.
        limits: What it says of itself.
    """

    epoch: str = "e1"
    stores: dict[str, list[Frame]] = field(factory=dict)
    peers: list[Peer] = field(factory=list)
    resume: int = 500
    newest: int = 50
    keep: int = 1_000_000
    refuses: deque[Frame] = field(factory=deque)
    limits: Frame = field(factory=LIMITS.copy)
    marks: dict[tuple[str, str], int] = field(factory=dict)
    _done: dict[tuple[str, str], tuple[Frame, Frame]] = field(factory=dict)

    def connect(self) -> Peer:
        """Somebody connects."""
        peer = Peer()
        self.peers.append(peer)
        return peer

    def cut(self, peer: Peer) -> None:
        """A connection breaks, and what was on its way is lost."""
        if peer in self.peers:
            self.peers.remove(peer)

    def begin_anew(self) -> None:
        """It restarts with a store that has forgotten everything."""
        self.epoch = f"e{int(self.epoch[1:]) + 1}"
        self.stores.clear()
        self._done.clear()
        self.peers.clear()

    def say(self, room: str, text: str, username: str = "someone") -> Frame:
        """Somebody who is not in the test says something."""
        return self._store({"type": "message", "room": room, "username": username, "message": text})

    def receive(self, peer: Peer, text: str) -> None:
        """A peer says something."""
        frame: Frame = json.loads(text)
        peer.received.append(frame)
        if frame["type"] == "hello":
            self._welcome(peer, frame)
        elif frame["type"] == "read":
            key = (peer.username, frame["room"])
            self.marks[key] = max(frame["seq"], self.marks.get(key, 0))
        elif frame["type"] != "typing":
            self._command(peer, frame)

    def _welcome(self, peer: Peer, frame: Frame) -> None:
        peer.username, peer.device = frame["username"], frame["device"]
        peer.sent.append(
            {
                "type": "welcome",
                "v": 2,
                "username": peer.username,
                "device": peer.device,
                "limits": self.limits,
            }
        )
        for room, since in (frame["rooms"] or {"general": {}}).items():
            self._join(peer, room, since, {})

    def _command(self, peer: Peer, frame: Frame) -> None:
        ref = {"ref": frame["ref"]}
        if self.refuses:
            peer.sent.append({"type": "error", "message": "no", **self.refuses.popleft(), **ref})
        elif frame["type"] == "join":
            self._join(peer, frame["room"], frame, ref)
        elif frame["type"] == "auth":
            peer.sent.append({"type": "ack", **ref})
        elif frame["room"] not in peer.rooms:
            peer.sent.append({"type": "error", "code": "not_joined", "message": "no", **ref})
        elif frame["type"] == "leave":
            peer.rooms.remove(frame["room"])
            peer.sent.append({"type": "ack", **ref})
        elif frame["type"] == "history":
            peer.sent.append({"type": "history", **self._page(frame), **ref})
        else:
            self._change(peer, frame, ref)

    def _join(self, peer: Peer, room: str, since: Frame, ref: Frame) -> None:
        store = self.stores.setdefault(room, [])
        seq = since.get("since", -1)
        recovered = since.get("epoch") == self.epoch and 0 <= len(store) - seq <= self.resume
        history = self._daemon(room)[-self.newest :]
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

    def _daemon(self, room: str) -> list[Frame]:
        store = self.stores[room]
        return store[max(0, len(store) - self.keep) :]

    def _page(self, frame: Frame) -> Frame:
        store, limit = self._daemon(frame["room"]), frame.get("limit", 50)
        if "after" in frame:
            found = [each for each in store if each["seq"] > frame["after"]]
            return {"room": frame["room"], "history": found[:limit], "more": len(found) > limit}
        found = [
            each for each in store if each["seq"] < frame.get("before", len(store) + 1_000_000)
        ]
        return {"room": frame["room"], "history": found[-limit:], "more": len(found) > limit}

    def _change(self, peer: Peer, frame: Frame, ref: Frame) -> None:
        key = (peer.device, frame["ref"])
        known, event = self._done.get(key, (frame, None))
        if known != frame:
            peer.sent.append({"type": "error", "code": "conflict", "message": "no", **ref})
            return
        is_repeat = event is not None
        if event is None:
            kinds = {"message": "message", "edit": "edited", "delete": "deleted"}
            draft = {"type": kinds[frame["type"]], "room": frame["room"]}
            target = {"target": frame["id"]} if "id" in frame else {}
            text = frame.get("message", "")
            # The ack goes out before the connection's own copy.
            place = len(peer.sent)
            event = self._store({**draft, "username": peer.username, "message": text, **target})
            self._done[key] = (frame, event)
        else:
            place = len(peer.sent)
        ack = {key: event[key] for key in ("room", "id", "seq")}
        peer.sent.insert(place, {"type": "ack", **ack, "dup": is_repeat, **ref})

    def _store(self, draft: Frame) -> Frame:
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
