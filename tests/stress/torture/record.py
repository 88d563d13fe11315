"""What one client has seen, room by room, and whether it came as it has to."""

from typing import Any

from attrs import define, field, frozen

RESUME_EVENTS = 500
"""Who has missed no more than that gets all of it; what clients say here is short."""

LOGGED_TYPES = frozenset({"message", "system", "edited", "deleted"})


@frozen
class Seen:
    """An event, as it was shown to a client, or as it is in the database."""

    seq: int
    id: str
    type: str
    username: str | None
    message: str


def seen(frame: dict[str, Any]) -> Seen:
    """Read an event of the wire."""
    return Seen(
        frame["seq"], frame["id"], frame["type"], frame.get("username"), frame.get("message", "")
    )


@define
class Record:
    """The events of a room in the order in which a client got them.

    Attributes:
        room: Its name.
        epoch: The life of the store, once it is known.
        events: Without a gap and without a repeat, or there is something in `wrong`.
        goal: While it catches up by pages of history, the ``seq`` up to which; else None.
        repeated: How many events came that had come before.
        reordered: How many came that were not the next one.
        wrong: What broke a promise, in words.
        may_be_replaced: Whether a test puts an older copy of the database in its place.
        epochs: All that the room has had; `events` begins anew with each. A client may meet one
            again, at another node that has not noticed yet that the database was replaced.
        over: The epochs that every node has left. The trial adds to it.
        asked: How many pages are still to come on this connection.
    """

    room: str
    epoch: str | None = None
    events: list[Seen] = field(factory=list)
    goal: int | None = None
    repeated: int = 0
    reordered: int = 0
    wrong: list[str] = field(factory=list)
    may_be_replaced: bool = False
    epochs: set[str] = field(factory=set)
    over: set[str] = field(factory=set)
    asked: int = 0
    _doubts: list[str] = field(factory=list)
    """What is wrong unless the database was replaced, and the client is told soon."""
    _stale: int = 0
    """How many of these were asked for before the last `join`, which has begun a catch-up anew."""
    _later: list[Seen] = field(factory=list)
    _shown: set[str] = field(factory=set)
    """The epochs that this connection has shown. A node shows each once, and never returns."""
    _left: frozenset[str] = frozenset()
    """What was `over` when this connection began."""
    _ids: dict[tuple[str | None, int], str] = field(factory=dict)
    """What each ``seq`` has stood for, by epoch."""

    @property
    def replaced(self) -> int:
        """How many epochs have taken the place of another."""
        return max(len(self.epochs) - 1, 0)

    @property
    def last(self) -> int:
        """The ``seq`` of the newest event; 0 if there is none."""
        return self.events[-1].seq if self.events else 0

    def since(self) -> dict[str, object]:
        """What to resume with."""
        return {} if self.epoch is None else {"since": self.last, "epoch": self.epoch}

    def join(self, joined: dict[str, Any]) -> None:
        """Begin with what a ``joined`` has; `goal` is set where that leaves a gap."""
        head = joined["head"]
        self._check_epoch(joined["epoch"])
        if self.epoch not in {None, joined["epoch"]} and self.may_be_replaced:
            self._doubts.clear()
            self.events.clear()
            if joined["recovered"]:
                self.wrong.append(f"{self.room}: recovered from the epoch {self.epoch}")
        elif self.epoch not in {None, joined["epoch"]}:
            self.wrong.append(f"{self.room}: the epoch {self.epoch} is {joined['epoch']} now")
        elif self.epoch and not joined["recovered"] and head <= self.last + RESUME_EVENTS:
            self.doubt(f"{self.room}: after {self.last} nothing, and the head is {head}")
        self.epoch = joined["epoch"]
        self.epochs.add(joined["epoch"])
        self._stale = self.asked
        self.goal = None
        self._later.clear()
        if joined["recovered"]:
            for event in joined["history"]:
                self._add(seen(event))
            if self.last != head:
                self.doubt(f"{self.room}: recovered up to {self.last}, the head is {head}")
        elif self.last < head:
            self.goal = head

    def page(self, history: list[dict[str, Any]]) -> bool:
        """Go on with a page of history; False if it was asked for before the last `join`."""
        self.asked -= 1
        if self._stale:
            self._stale -= 1
            return False
        if not history:
            self.doubt(f"{self.room}: an empty page after {self.last} of {self.goal}")
            return not self.may_be_replaced
        for event in map(seen, history):
            if self.goal is not None and event.seq <= self.goal:
                self._add(event)
        if self.goal is None or self.last >= self.goal:
            self.goal = None
            later, self._later = self._later, []
            for event in later:
                self._add(event)
        return True

    def doubt(self, what: str) -> None:
        """Note what is wrong, unless another epoch comes."""
        (self._doubts if self.may_be_replaced else self.wrong).append(what)

    def all_wrong(self) -> list[str]:
        """What broke a promise, when all is over."""
        return [*self.wrong, *self._doubts]

    def connect(self) -> None:
        """Nothing that was asked for comes any more; the next node may know less than the last."""
        self.asked = self._stale = 0
        self._shown.clear()
        self._left = frozenset(self.over)

    def live(self, event: Seen) -> None:
        """Take an event that has just happened."""
        if self.goal is None:
            self._add(event)
        else:
            self._later.append(event)

    def hear_head(self, head: int) -> None:
        """Take from a heartbeat what has been sent so far."""
        if self.goal is None and head > self.last:
            self.wrong.append(f"{self.room}: {head} should have come, after {self.last}")

    def _check_epoch(self, epoch: str) -> None:
        if epoch in self._shown:
            self.wrong.append(f"{self.room}: one connection has shown the epoch {epoch} twice")
        if epoch in self._left:
            self.wrong.append(f"{self.room}: a node shows the epoch {epoch}, which all had left")
        self._shown.add(epoch)

    def _add(self, event: Seen) -> None:
        known = self._ids.setdefault((self.epoch, event.seq), event.id)
        if known != event.id:
            self.wrong.append(f"{self.room}: {event.seq} of {self.epoch} is {known} and {event.id}")
        if event.seq <= self.last:
            self.repeated += 1
            self.wrong.append(f"{self.room}: {event.seq} came after {self.last}")
        elif event.seq > self.last + 1:
            self.reordered += 1
            self.wrong.append(f"{self.room}: {event.seq} came after {self.last}")
            self.events.append(event)
        else:
            self.events.append(event)
