import json
from datetime import UTC, datetime

import pytest

from trio_chat.client import Message, Position, RoomView, Seen


def test_a_position_survives_json() -> None:
    position = Position("secret", {"general": Seen("k", 3), "dev": Seen("k", 0)})
    assert Position.from_dict(json.loads(json.dumps(position.as_dict()))) == position


def test_the_repr_of_a_position_hides_its_secret() -> None:
    assert "secret" not in repr(Position("secret"))


@pytest.mark.parametrize(
    "data", [{}, {"device": 5, "rooms": {}}, {"device": "d", "rooms": {"general": {"epoch": "k"}}}]
)
def test_an_invalid_position_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Position.from_dict(data)


def test_a_logged_event_knows_its_time() -> None:
    message = Message("a", 1, "general", "ann", "hi", 1_500)
    assert message.at == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_unread_counts_above_the_read_marker_and_is_never_negative() -> None:
    assert RoomView("general", 7, 3, (), 0, {}).unread == 4
    assert RoomView("general", 2, 3, (), 0, {}).unread == 0
