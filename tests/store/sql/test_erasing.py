"""Erasure of deleted texts from the files."""

import random
from itertools import count
from pathlib import Path

import attrs

from tests.contracts import drafts
from tests.contracts.drafts import ANN, append, delete, draft
from tests.contracts.stores import Clock
from trio_chat.protocol.events import Draft
from trio_chat.store.base import REFS_SECONDS, fingerprint
from trio_chat.store.sql.opened import open_sql_store

numbers = count(1)


def edit(target: str, text: str, room: str = "general") -> Draft:
    """Return an edit whose id does not contain its text."""
    return attrs.evolve(drafts.edit(target, text, room=room), id=f"edit-{next(numbers)}")


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_no_file_has_a_copy_of_any_erased_text(tmp_path: Path) -> None:
    dice = random.Random(7)
    kept: dict[str, bytes] = {}
    erased: set[bytes] = set()
    async with open_sql_store(f"sqlite:{tmp_path}/chat.db", sync="normal") as store:
        for turn in range(150):
            batch = []
            for place in range(10):
                text = f"<{turn}-{place}>" + "x" * dice.choice([1, 30, 100, 300, 2000, 9000])
                mark = text[: text.index(">") + 1].encode()
                target = dice.choice([*kept, None, None]) if kept else None
                if target is None:
                    room = f"room{dice.randrange(5)}"
                    batch.append(draft(text, room, author=ANN, id=f"{room}/{turn}-{place}"))
                    kept[batch[-1].id] = mark
                    continue
                room = target.partition("/")[0]
                erased.add(kept.pop(target))
                if dice.random() < 0.5:
                    batch.append(delete(target, room=room))
                else:
                    batch.append(edit(target, text, room))
                    kept[target] = mark
            assert len(await append(store, batch)) == len(batch)
        log = (tmp_path / "chat.db-wal").read_bytes()
        assert any(mark in log for mark in erased)
        await store.prune()
        assert (tmp_path / "chat.db-wal").read_bytes() == b""
        found = everything_in(tmp_path)
    assert len(erased) > 300
    assert [mark for mark in kept.values() if mark not in found] == []
    assert [mark for mark in erased if mark in found] == []


async def test_no_file_has_the_hash_of_an_expired_request(tmp_path: Path) -> None:
    clock = Clock()
    requests = [draft(f"{n}", author=ANN, ref=f"{n}") for n in range(500)]
    prints = [fingerprint(one) for one in requests]
    async with open_sql_store(f"sqlite:{tmp_path}/chat.db", clock=clock) as store:
        for at in range(0, 500, 5):
            await append(store, requests[at : at + 5])
        await append(store, [delete("id-general-0")])  # so that the write-ahead log is emptied too
        assert all(print_ in everything_in(tmp_path) for print_ in prints)
        clock.wait(REFS_SECONDS)
        await store.prune()
        found = everything_in(tmp_path)
    assert [print_ for print_ in prints if print_ in found] == []


async def test_only_the_owner_may_access_the_files(tmp_path: Path) -> None:
    async with open_sql_store(f"sqlite:{tmp_path}/chat.db") as store:
        await append(store, [draft("a")])
        names = ("chat.db", "chat.db-shm", "chat.db-wal", "chat.db.lock", "chat.db.mark")
        assert modes_in(tmp_path) == dict.fromkeys(names, 0o600)
