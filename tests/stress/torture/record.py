"""The events that one client received in one room, and the checks on their order."""

from typing import Any

from attrs import define, field, frozen

RESUME_EVENTS = 500
"""A client that missed at most this many events receives all of them; the texts here are short."""

STORED_TYPES = frozenset({"message", "system", "edited", "deleted"})


@frozen
class ChatEvent:
    """An event as a client received it, or as the database holds it."""

    seq: int
    id: str
    type: str
    username: str | None
    message: str


def read_event(message: dict[str, Any]) -> ChatEvent:
    """Return the event in a message of the server."""
    return ChatEvent(
        message["seq"],
        message["id"],
        message["type"],
        message.get("username"),
        message.get("message", ""),
    )


@define
class Record:
    """The events of a room, in the order in which a client received them.

    Attributes:
        room: Its name.
        epoch: The epoch of the store, once known.
        events: Without a gap and without a repeat, unless `wrong` says otherwise.
        goal: The ``seq`` up to which the client reads pages of history; None if it reads none.
        repeated: The number of events that came twice.
        reordered: The number of events that came before their predecessor.
        wrong: Broken promises, in words.
        may_be_replaced: Whether the trial replaces the database with an older copy.
        epochs: All epochs so far; `events` begins anew with each. A client may meet an old one
            again, at a node that has not yet noticed the replacement.
        over: The epochs that every node has left. The trial adds to it.
        asked: The number of pages that the client still expects on this connection.
    """

    room: str
    epoch: str | None = None
    events: list[ChatEvent] = field(factory=list)
    goal: int | None = None
    repeated: int = 0
    reordered: int = 0
    wrong: list[str] = field(factory=list)
    may_be_replaced: bool = False
    epochs: set[str] = field(factory=set)
    over: set[str] = field(factory=set)
    asked: int = 0
    _suspicions: list[str] = field(factory=list)
    """Faults unless a new epoch soon explains them."""
    _stale: int = 0
    """How many expected pages were requested before the last `join`, which restarts catching up."""
    _later: list[ChatEvent] = field(factory=list)
    _shown: set[str] = field(factory=set)
    """The epochs of this connection. A node shows each once and never returns to one."""
    _left: frozenset[str] = frozenset()
    """`over` when this connection began."""
    _ids: dict[tuple[str | None, int], str] = field(factory=dict)
    """The id of each ``seq``, by epoch."""

    @property
    def replaced(self) -> int:
        """How many epochs have replaced another."""
        return max(len(self.epochs) - 1, 0)

    @property
    def last(self) -> int:
        """The ``seq`` of the newest event; 0 without events."""
        return self.events[-1].seq if self.events else 0

    def since(self) -> dict[str, object]:
        """Return the fields with which the client resumes."""
        return {} if self.epoch is None else {"since": self.last, "epoch": self.epoch}

    def join(self, joined: dict[str, Any]) -> None:
        """Add the events of a ``joined``; set `goal` if it leaves a gap."""
        head = joined["head"]
        self._check_epoch(joined["epoch"])
        if self.epoch not in {None, joined["epoch"]} and self.may_be_replaced:
            self._suspicions.clear()
            self.events.clear()
            if joined["recovered"]:
                self.wrong.append(f"{self.room}: recovered from the epoch {self.epoch}")
        elif self.epoch not in {None, joined["epoch"]}:
            self.wrong.append(f"{self.room}: the epoch {self.epoch} is {joined['epoch']} now")
        elif self.epoch and not joined["recovered"] and head <= self.last + RESUME_EVENTS:
            self.suspect(f"{self.room}: nothing after {self.last}, though the head is {head}")
        self.epoch = joined["epoch"]
        self.epochs.add(joined["epoch"])
        self._stale = self.asked
        self.goal = None
        self._later.clear()
        if joined["recovered"]:
            for event in joined["history"]:
                self._add(read_event(event))
            if self.last != head:
                self.suspect(f"{self.room}: recovered up to {self.last}, the head is {head}")
        elif self.last < head:
            self.goal = head

    def page(self, history: list[dict[str, Any]]) -> bool:
        """Add a page of history; return False if the client requested it before the last `join`."""
        self.asked -= 1
        if self._stale:
            self._stale -= 1
            return False
        if not history:
            self.suspect(f"{self.room}: an empty page after {self.last} of {self.goal}")
            return not self.may_be_replaced
        for event in map(read_event, history):
            if self.goal is not None and event.seq <= self.goal:
                self._add(event)
        if self.goal is None or self.last >= self.goal:
            self.goal = None
            later, self._later = self._later, []
            for event in later:
                self._add(event)
        return True

    def suspect(self, what: str) -> None:
        """Record a fault, unless a new epoch explains it later."""
        (self._suspicions if self.may_be_replaced else self.wrong).append(what)

    def all_wrong(self) -> list[str]:
        """Return all broken promises, at the end of a trial."""
        return [*self.wrong, *self._suspicions]

    def connect(self) -> None:
        """Begin a connection: expected pages are lost, and the new node may know less."""
        self.asked = self._stale = 0
        self._shown.clear()
        self._left = frozenset(self.over)

    def live(self, event: ChatEvent) -> None:
        """Add a live event, after the pages of history if the client still reads them."""
        if self.goal is None:
            self._add(event)
        else:
            self._later.append(event)

    def check_head(self, head: int) -> None:
        """Check the head of a heartbeat: every event up to it must have arrived."""
        if self.goal is None and head > self.last:
            self.wrong.append(f"{self.room}: {head} should have come, after {self.last}")

    def _check_epoch(self, epoch: str) -> None:
        if epoch in self._shown:
            self.wrong.append(f"{self.room}: one connection has shown the epoch {epoch} twice")
        if epoch in self._left:
            self.wrong.append(f"{self.room}: a node shows the epoch {epoch}, which all had left")
        self._shown.add(epoch)

    def _add(self, event: ChatEvent) -> None:
        known = self._ids.setdefault((self.epoch, event.seq), event.id)
        if known != event.id:
            self.wrong.append(f"{self.room}: {event.seq} of {self.epoch} is {known} and {event.id}")
        if event.seq != self.last + 1:
            self.wrong.append(f"{self.room}: {event.seq} came after {self.last}")
        if event.seq <= self.last:
            self.repeated += 1
            return
        self.reordered += event.seq > self.last + 1
        self.events.append(event)
