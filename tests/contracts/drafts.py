"""Drafts for stores under test, and helpers that read them back."""

from collections.abc import Sequence

from trio_chat.protocol.events import Author, Draft, Event, Kind
from trio_chat.store.base import Commit, Page, Store, Stored

EVERYTHING = 1 << 62

NOW_MS = 1_700_000_000_000

ANN = Author("ann", "d-ann")
BOB = Author("bob", "d-bob")


def draft(  # noqa: PLR0913 - a draft has as many
    text: str,
    room: str = "general",
    username: str = "ann",
    *,
    kind: Kind = Kind.MESSAGE,
    author: Author | None = None,
    ref: str | None = None,
    ts: int = NOW_MS,
    id: str | None = None,  # noqa: A002 - as a draft has it
    ref_ms: int | None = None,
    ends: str | None = None,
) -> Draft:
    made = Draft(id or f"id-{room}-{text}", room, username, text, ts, kind, author=author, ref=ref)
    made.ref_ms, made.ends = ref_ms, ends
    return made


def edit(
    target: str,
    text: str,
    *,
    room: str = "general",
    author: Author | None = ANN,
    ref: str | None = None,
) -> Draft:
    return Draft(
        f"edit-{target}-{text}", room, "ann", text, NOW_MS, Kind.EDITED, target, author, ref
    )


def delete(
    target: str, *, room: str = "general", author: Author | None = ANN, ref: str | None = None
) -> Draft:
    return Draft(f"delete-{target}", room, "ann", "", NOW_MS, Kind.DELETED, target, author, ref)


def events_of(commit: Commit) -> list[Event]:
    return [outcome.event for outcome in commit.outcomes if isinstance(outcome, Stored)]


async def append(store: Store, drafts: Sequence[Draft]) -> list[Event]:
    return events_of(await store.append(drafts))


async def everything(store: Store, room: str = "general") -> list[Event]:
    return list((await store.read_before(room, EVERYTHING, 1000)).events)


def texts(page: Page) -> list[str]:
    return [event.message for event in page.events]
