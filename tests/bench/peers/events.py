"""The JSON that the peers in Python send; the floor makes its own."""

import itertools
import time

import orjson

_ids = itertools.count(time.time_ns())


def message_event(username: str, frame: str | bytes) -> bytes:
    """Return the broadcast frame for a frame of a client.

    Raises:
        orjson.JSONDecodeError: The frame is not JSON.
    """
    return orjson.dumps(
        {
            "id": str(next(_ids)),
            "type": "message",
            "username": username,
            "message": orjson.loads(frame)["message"],
            "time": time.strftime("%H:%M:%S"),
        }
    )


def presence_event(count: int) -> bytes:
    """What a newcomer receives when it is in."""
    return orjson.dumps({"type": "presence", "count": count})
