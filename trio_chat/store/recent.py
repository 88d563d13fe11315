"""The newest events and the read marks of open rooms, in memory.

The hub opens a room here, notes each event when the room's cursor passes it, and notes each read
marker that advances. `trio_chat.websocket.history` asks for pages, and fills a room by one
read of the store. So only the first join of a room reads the store.

A page covers a range of ``seq`` without a gap, up to the last event that the hub noted. The hub
notes an event before it offers it to clients, so a page is never older than a client's knowledge.
An edit or a deletion drops the page, and a read that such a change overtakes is not kept. A hub
that may have missed a change of another node drops all pages.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Final

from attrs import Factory, define

from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Event, Kind
from trio_chat.store.base import PAGE_BYTES, Page, take_page, text_bytes

MOST_EVENTS: Final = 500
"""Events kept of a room: by default as many as a client may miss and still resume."""

MOST_MARKS: Final = 10_000
"""Read markers kept of a room, some 2 MiB. With more, readers ask the store."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bound for all rooms: 1,000 rooms with 50 usual events each, or 100 rooms with large pages."""

_EVENT_BYTES: Final = 1024
"""Size of an event and its JSON, without the copies of the text."""

_COPIES: Final = 3
"""Copies of a text: itself, one in the JSON of the event, one in the JSON of the room's page."""

_MARK_BYTES: Final = 200

_OLDER: Final = Event(0, "", "", Kind.MESSAGE, None, "", 0)
"""Stands for the events before the kept ones: an answer that reaches it is incomplete."""


@define(eq=False)
class _Room:
    """The memory of an open room.

    Attributes:
        name: Its name.
        epoch: The epoch of its history.
        store_epoch: The epoch of the store when the room opened.
        head: The ``seq`` that the hub noted last.
        events: The newest events, without a gap; None if they are unknown.
        has_older: The room has events before these.
        size: Size of their texts, in UTF-8.
        marks: All read markers of the room by user; None if unknown.
        has_too_many_marks: The room has more markers than `MOST_MARKS`.
        doubtful: Users whose marker may be higher, since the outcome of a commit is unknown.
        fillings: Reads of the store in progress.
        page: The last request and its page; None after a change. After a restart most clients of
            a room ask for the same page.
    """

    name: str
    epoch: str
    store_epoch: str
    head: int
    events: deque[Event] | None = None
    has_older: bool = True
    size: int = 0
    marks: dict[str, int] | None = None
    has_too_many_marks: bool = False
    doubtful: set[str] = Factory(set)
    fillings: list["Filling"] = Factory(list)
    page: tuple[tuple[str, int, int], Page] | None = None

    @property
    def newest(self) -> int:
        """The ``seq`` of the newest event."""
        return self.events[-1].seq if self.events else 0

    @property
    def cost(self) -> int:
        """Estimate the memory it takes, in bytes."""
        events, marks = len(self.events or ()), len(self.marks or ())
        return _COPIES * self.size + _EVENT_BYTES * events + _MARK_BYTES * marks


class RecentPages:
    """The newest page and the read markers of each open room.

    Args:
        store_epoch: Returns the identity of the store's present history.
        keeps_marks: Keep read markers. False if other nodes change them. Events need no such care:
            the cursor of a room finds those of other nodes.
        max_bytes: Bound for all rooms. The least recently joined room is evicted first.
    """

    def __init__(
        self,
        store_epoch: Callable[[], str],
        *,
        keeps_marks: bool = True,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._store_epoch = store_epoch
        self._keeps_marks = keeps_marks
        self._max_bytes = max_bytes
        self._rooms: dict[str, _Room] = {}
        self._filled: OrderedDict[_Room, None] = OrderedDict()
        """The rooms with a page or marks, the least recently used first."""
        self._cost = 0
        self._drops = 0
        """The calls of `drop_all`."""

    # --- for the hub -------------------------------------------------------------------------

    def open(self, name: str, epoch: str, head: int) -> None:
        """Open a room, or begin it anew with another history.

        Args:
            name: The room.
            epoch: The epoch of its history.
            head: The ``seq`` of its newest event.
        """
        self.close(name)
        room = self._rooms[name] = _Room(name, epoch, self._store_epoch(), head)
        if not head:  # without events, it has no read markers
            room.events, room.has_older = deque(), False
            room.marks = {} if self._keeps_marks else None
            self._filled[room] = None

    def close(self, name: str) -> None:
        """Drop the memory of a room."""
        room = self._rooms.pop(name, None)
        if room is not None:
            self._drop(room)

    def note(self, event: Event) -> None:
        """Add an event that the cursor of its room passes."""
        room = self._rooms.get(event.room)
        if room is None:
            return
        room.head = event.seq
        for filling in room.fillings:
            filling.events.append(event)
        if room.events is not None:
            self._add(room, room.events, event)
            if self._cost > self._max_bytes:
                self._evict()

    def note_mark(self, mark: ReadMarker) -> None:
        """Add a committed read marker that advanced."""
        room = self._rooms.get(mark.room)
        if room is None:
            return
        room.doubtful.discard(mark.user)
        for filling in room.fillings:
            filling.marks[mark.user] = mark.seq
        if room.marks is not None:
            self._cost += _MARK_BYTES * (mark.user not in room.marks)
            room.marks[mark.user] = mark.seq

    def doubt_mark(self, mark: ReadMarker) -> None:
        """Note that the outcome of a marker's commit is unknown."""
        room = self._rooms.get(mark.room)
        if room is not None:
            room.doubtful.add(mark.user)

    def drop_all(self) -> None:
        """Drop the memory of all rooms, and the results of reads in progress.

        A hub calls this when it may have missed a change of another node.
        """
        self._drops += 1
        for room in tuple(self._filled):
            self._drop(room)

    # --- for readers of history --------------------------------------------------------------

    def before(self, name: str, epoch: str, upto: int | None, limit: int) -> Page | None:
        """Return the newest events up to a ``seq``, as `Store.read_before` would read them.

        Args:
            name: The room.
            epoch: The history that the reader knows.
            upto: The ``seq`` up to which it knows the room; None for the newest events.
            limit: Maximum events.

        Returns:
            None if the memory does not cover all of the page.
        """
        room = self._known(name, epoch)
        if room is None or room.events is None:
            return None
        newer = 0 if upto is None else room.newest - upto
        if newer < 0:
            return None
        asked = ("before", newer, limit)
        if room.page is not None and room.page[0] == asked:
            return room.page[1]
        older: Iterator[Event] = islice(reversed(room.events), newer, None)
        if room.has_older:
            older = chain(older, (_OLDER,))
        taken, more = take_page(older, limit)
        if taken and taken[-1] is _OLDER:
            return None
        page = Page(tuple(reversed(taken)), more, room.epoch)
        room.page = asked, page
        return page

    def after(self, name: str, epoch: str, after: int, limit: int, upto: int = 0) -> Page | None:
        """Return the oldest events above a ``seq``, as `Store.read_after` would read them.

        Args:
            name: The room.
            epoch: The history that the reader knows.
            after: The bound, exclusive.
            limit: Maximum events.
            upto: The ``seq`` up to which the reader knows the room.

        Returns:
            None if the memory does not cover all of the page.
        """
        room = self._known(name, epoch)
        if room is None or room.events is None or room.newest < upto:
            return None
        asked = ("after", after, limit)
        if room.page is not None and room.page[0] == asked:
            return room.page[1]
        oldest = room.events[0].seq if room.events else 1
        if after + 1 < oldest and room.has_older:
            return None
        taken, more = take_page(islice(room.events, max(0, after + 1 - oldest), None), limit)
        page = Page(tuple(taken), more, room.epoch)
        room.page = asked, page
        return page

    def marks(self, name: str, epoch: str, users: Sequence[str]) -> Mapping[str, int] | None:
        """Return the markers of some users, as `Store.marks` would; None if one is unknown here."""
        room = self._known(name, epoch)
        if room is None or room.marks is None:
            return None
        marks, doubtful = room.marks, room.doubtful
        if doubtful and not doubtful.isdisjoint(users):
            return None
        return {user: marks[user] for user in users if user in marks}

    def has_no_marks(self, name: str, epoch: str) -> bool:
        """Return whether a room certainly has no read markers."""
        room = self._known(name, epoch)
        return room is not None and room.marks == {} and not room.doubtful

    def takes_page(self, name: str, epoch: str, cut: int, limit: int) -> int:
        """Return how many events to read so that `before` can answer; 0 if it never could."""
        room = self._known(name, epoch)
        if room is None or limit > MOST_EVENTS:
            return 0
        # The store may have some events that the hub is about to note.
        return min(MOST_EVENTS, limit + max(0, room.head - cut) + _MOST_UNNOTED)

    def takes_marks(self, name: str, epoch: str) -> bool:
        """Return whether `Filling.keep_marks` would keep the markers of a room."""
        room = self._known(name, epoch) if self._keeps_marks else None
        return room is not None and room.marks is None and not room.has_too_many_marks

    @contextmanager
    def filling(self, name: str) -> Iterator["Filling"]:
        """Keep the results of reading the store in the block."""
        room = self._rooms[name]
        filling = Filling(self, room)
        room.fillings.append(filling)
        try:
            yield filling
        finally:
            room.fillings.remove(filling)

    # --- inside ------------------------------------------------------------------------------

    def _known(self, name: str, epoch: str) -> _Room | None:
        """Return a room, if the reader, the room and the store agree on its history."""
        room = self._rooms.get(name)
        if room is None or room.epoch != epoch or room.store_epoch != self._store_epoch():
            return None
        if room in self._filled:
            self._filled.move_to_end(room)
        return room

    def _keep_page(self, filling: "Filling", page: Page) -> None:
        room, events = filling.room, page.events
        is_whole = bool(events) and events[-1].seq - events[0].seq + 1 == len(events)
        if self._rooms.get(room.name) is not room or page.epoch != room.epoch or not is_whole:
            return
        if any(event.target is not None for event in filling.events):
            return  # the read may have preceded the change
        if filling.drops != self._drops:
            return  # or a change that the hub missed
        self._cost -= room.cost
        for event in events:
            event.encoded = event.encoded or b""
        room.events, room.has_older, room.page = deque(events), page.more, None
        room.size = sum(map(text_bytes, events))
        self._cost += room.cost
        self._filled[room] = None
        for event in filling.events:
            if room.events is not None:  # no event is missing
                self._add(room, room.events, event)
        self._evict()

    def _keep_marks(self, filling: "Filling", marks: Mapping[str, int] | None) -> None:
        room = filling.room
        if self._rooms.get(room.name) is not room or not self._keeps_marks:
            return
        if marks is None:
            room.has_too_many_marks = True
            return
        self._cost -= room.cost
        # The result may or may not include markers that advanced meanwhile.
        room.marks = dict(marks)
        for user, seq in filling.marks.items():
            room.marks[user] = max(seq, marks.get(user, 0))
        self._cost += room.cost
        self._filled[room] = None
        self._evict()

    def _add(self, room: _Room, events: deque[Event], event: Event) -> None:
        """Append an event that comes next; drop the page if it does not, or changes a text."""
        newest = events[-1].seq if events else 0
        if event.target is not None or event.seq > newest + 1:
            self._cost -= room.cost
            room.events, room.size, room.page = None, 0, None
            self._cost += room.cost
        elif event.seq > newest:  # otherwise the store had it already
            text = event.message
            size = len(text) if text.isascii() else text_bytes(event)
            event.encoded = event.encoded or b""
            events.append(event)
            room.page = None
            room.size += size
            self._cost += _COPIES * size + _EVENT_BYTES
            while len(events) > MOST_EVENTS or (
                room.size > PAGE_BYTES and room.size - text_bytes(events[0]) > PAGE_BYTES
            ):
                size = text_bytes(events.popleft())
                room.has_older = True
                room.size -= size
                self._cost -= _COPIES * size + _EVENT_BYTES

    def _evict(self) -> None:
        while self._cost > self._max_bytes:
            self._drop(next(iter(self._filled)))

    def _drop(self, room: _Room) -> None:
        self._cost -= room.cost
        room.events = room.marks = room.page = None
        room.size = 0
        self._filled.pop(room, None)


_MOST_UNNOTED: Final = 128
"""Maximum events in the store that the hub has not noted: two commits of 64 requests."""


class Filling:
    """A read of the store, and the events that the hub notes meanwhile.

    Args:
        pages: Keeps the result.
        room: The room.
    """

    def __init__(self, pages: RecentPages, room: _Room) -> None:
        self.room = room
        # If more arrive, the first one left does not follow the page, and `_add` drops the page.
        self.events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self.marks: dict[str, int] = {}
        self.drops = pages._drops  # noqa: SLF001 - the two are one
        self._pages = pages

    def keep_page(self, page: Page) -> None:
        """Keep the newest events, unless a change overtook the read."""
        self._pages._keep_page(self, page)  # noqa: SLF001 - the two are one

    def keep_marks(self, marks: Mapping[str, int] | None) -> None:
        """Keep all markers of the room; None for too many."""
        self._pages._keep_marks(self, marks)  # noqa: SLF001 - the same
