"""The record of edits and deletions that overtake a page of history."""

from trio_chat.protocol.events import Event, Kind
from trio_chat.store import changes as module
from trio_chat.store.changes import Changes


def message(number: int, text: str = "old") -> Event:
    return Event(number, f"m{number}", "general", Kind.MESSAGE, "ann", text, 0)


def edited(seq: int, target: str, text: str) -> Event:
    return Event(seq, f"e{seq}", "general", Kind.EDITED, "ann", text, 0, target)


def deleted(seq: int, target: str) -> Event:
    return Event(seq, f"d{seq}", "general", Kind.DELETED, "ann", "", 0, target)


def test_page_without_changes_stays_the_same() -> None:
    changes = Changes()
    page = (message(1), message(2))
    with changes.reading() as reading:
        assert reading.apply(page) is page
        changes.note(edited(3, "m9", "of a message that is not on the page"))
        assert reading.apply(page) is page


def test_message_and_its_edits_have_the_newest_text() -> None:
    changes = Changes()
    with changes.reading() as reading:
        changes.note(edited(3, "m1", "newer"))
        changes.note(edited(4, "m1", "newest"))
        current = reading.apply((message(1), message(2), edited(3, "m1", "newer")))
    assert [event.message for event in current] == ["newest", "old", "newest"]
    assert [event.is_edited for event in current] == [True, False, True]
    assert [event.seq for event in current] == [1, 2, 3]


def test_deletion_removes_the_text() -> None:
    changes = Changes()
    with changes.reading() as reading:
        changes.note(deleted(4, "m1"))
        current = reading.apply((message(1), edited(3, "m1", "newer"), deleted(4, "m1")))
    assert [event.message for event in current] == ["", "", ""]
    assert [event.is_deleted for event in current] == [True, True, False]


def test_stored_deletion_is_final() -> None:
    changes = Changes()
    gone = message(1, "")
    gone.is_deleted = True
    with changes.reading() as reading:
        changes.note(edited(3, "m1", "the edit before the deletion"))
        assert reading.apply((gone,)) == (gone,)


def test_earlier_change_is_not_applied() -> None:
    changes = Changes()
    page = (message(1, "newest"),)
    with changes.reading():
        changes.note(edited(3, "m1", "older"))
        with changes.reading() as later:
            assert later.apply(page) is page


def test_changes_are_recorded_only_during_a_reading() -> None:
    changes = Changes()
    changes.note(edited(3, "m1", "newer"))
    with changes.reading():
        changes.note(edited(4, "m1", "newest"))
    with changes.reading() as reading:
        changes.note(edited(5, "m2", "newer"))
        assert [event.message for event in reading.apply((message(1), message(2)))] == [
            "old",
            "newer",
        ]


def test_record_lasts_until_the_last_reading_ends() -> None:
    changes = Changes()
    with changes.reading() as long:
        with changes.reading():
            changes.note(edited(3, "m1", "newer"))
        assert [event.message for event in long.apply((message(1),))] == ["newer"]
    assert changes.newest("m1", 0) is None


def test_reading_is_stale_after_a_lost_change() -> None:
    changes = Changes()
    with changes.reading() as reading:
        for number in range(module.MAX_CHANGES):
            changes.note(deleted(1000 + number, f"m{number}"))
        assert not reading.is_stale()
        changes.note(edited(5000, "m0", "the same message takes no more place"))
        assert not reading.is_stale()
        changes.note(deleted(9999, "one more"))
        assert reading.is_stale()
        with changes.reading() as later:
            assert not later.is_stale()


def test_record_is_limited_to_the_text_of_a_page() -> None:
    changes = Changes()
    with changes.reading() as reading:
        changes.note(edited(1, "m1", "a" * module.MAX_CHARS))
        assert not reading.is_stale()
        changes.note(edited(2, "m2", "b"))
        assert reading.is_stale()


def test_lost_record_makes_every_reading_stale() -> None:
    changes = Changes()
    with changes.reading() as one, changes.reading() as other:
        changes.lose()
        assert one.is_stale()
        assert other.is_stale()
    with changes.reading() as later:
        assert not later.is_stale()
