"""A simple model of a store, against which a test compares every store.

It keeps all drafts and computes each answer from them.
"""

from collections.abc import Mapping

from attrs import define, evolve, field

from trio_chat.errors import ErrorCode
from trio_chat.protocol.events import Author, Draft, Event, Kind
from trio_chat.store.base import Outcome, Page, Refused, Repeated, Stored


@define
class Model:
    """A store that keeps all drafts in order, and each ``ref`` for `refs_seconds`."""

    refs_seconds: int
    now: int = 0
    until: dict[str, int] = field(factory=dict)
    drafts: list[Draft] = field(factory=list)
    marks: dict[tuple[str, str], int] = field(factory=dict)

    def append(self, draft: Draft) -> Outcome:
        """Return the expected outcome of a draft, and store it if it is valid."""
        done = self._done(draft)
        if done is not None:
            is_same = all(
                getattr(done, name) == getattr(draft, name)
                for name in ("kind", "room", "target", "message")
            )
            return Repeated(done.id, self._seq(done)) if is_same else Refused(ErrorCode.CONFLICT)
        if draft.target is not None:
            found = [one for one in self._in(draft.room) if one.id == draft.target]
            if not found or found[0].kind is not Kind.MESSAGE or self._is_deleted(found[0]):
                return Refused(ErrorCode.NOT_FOUND)
            if not _may(found[0].author, draft.author):
                return Refused(ErrorCode.FORBIDDEN)
        newest = max([one.ts for one in self._in(draft.room)], default=0)
        draft = evolve(draft, ts=max(draft.ts, newest))
        self.drafts.append(draft)
        self.until[draft.id] = self.now + self.refs_seconds
        return Stored(draft.numbered(self._seq(draft)))

    def mark(self, room: str, user: str, seq: int) -> None:
        self.marks[room, user] = max(seq, self.marks.get((room, user), 0))

    def marks_in(self, room: str) -> Mapping[str, int]:
        return {user: seq for (at, user), seq in self.marks.items() if at == room and seq}

    def events(self, room: str) -> list[Event]:
        return [self._shown(draft, seq) for seq, draft in enumerate(self._in(room), 1)]

    def before(self, room: str, bound: int, limit: int) -> Page:
        older = [event for event in self.events(room) if event.seq < bound]
        return Page(tuple(older[-limit:]), more=len(older) > limit)

    def after(self, room: str, bound: int, limit: int) -> Page:
        newer = [event for event in self.events(room) if event.seq > bound]
        return Page(tuple(newer[:limit]), more=len(newer) > limit)

    def _in(self, room: str) -> list[Draft]:
        return [one for one in self.drafts if one.room == room]

    def _seq(self, draft: Draft) -> int:
        return [one.id for one in self._in(draft.room)].index(draft.id) + 1

    def _done(self, draft: Draft) -> Draft | None:
        if draft.ref is None or draft.author is None or not draft.author.device:
            return None
        for one in reversed(self.drafts):
            same_device = one.author is not None and (
                (one.author.user, one.author.device) == (draft.author.user, draft.author.device)
            )
            if same_device and one.ref == draft.ref and self.until[one.id] > self.now:
                return one
        return None

    def _is_deleted(self, message: Draft) -> bool:
        return any(one.kind is Kind.DELETED and one.target == message.id for one in self.drafts)

    def _shown(self, draft: Draft, seq: int) -> Event:
        event = draft.numbered(seq)
        if draft.kind not in (Kind.MESSAGE, Kind.EDITED):
            return event
        message = draft.target or draft.id
        changes = [one for one in self.drafts if one.target == message]
        if changes:
            event.message = changes[-1].message
            event.is_edited = changes[-1].kind is Kind.EDITED
            event.is_deleted = changes[-1].kind is Kind.DELETED
        return event


def _may(theirs: Author | None, ours: Author | None) -> bool:
    if theirs is None or ours is None:
        return False
    if ours.is_proven:
        return theirs.user == ours.user
    return (theirs.user, theirs.device) == (ours.user, ours.device) and theirs.device != ""
