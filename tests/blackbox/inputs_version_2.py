"""Bad frames of version 2 (docs/reference/wire.md), each with its answer."""

import json

from tests.support.frames import TEXT, frame, text
from tests.support.raw import Event, RawConnection

from .scene import STILL_HERE, BadInput, Scene, bad_first_frame

HELLO = '{"type":"hello","v":2,"username":%s,"device":"d"}'

HUGE = "9" * 5000


def came_in(scene: Scene) -> RawConnection:
    """Return a WebSocket that has sent the hello of the user of this scene."""
    connection = scene.upgraded()
    connection.push(text(HELLO % json.dumps(scene.name)))
    while not is_own_coming(connection.read_event(), scene):
        pass
    return connection


def is_own_coming(event: Event, scene: Scene) -> bool:
    """Whether this is the notice that ends coming in."""
    return event.get("message") == f"{scene.name} has joined the chat" and "seq" in event


def answer(connection: RawConnection) -> Event:
    """Read the next answer to this connection alone."""
    while True:
        event = connection.read_event()
        if event["type"] in {"error", "ack", "history", "joined"}:
            return event


def goes_on(scene: Scene, connection: RawConnection) -> None:
    """Check that the connection still works, and close it so that the room learns of it."""
    connection.push(text(json.dumps({"type": "message", "message": STILL_HERE, "ref": "last"})))
    ack = answer(connection)
    assert (ack["type"], ack["ref"], ack["dup"]) == ("ack", "last", False), ack
    while (event := connection.read_event()).get("message") != STILL_HERE:
        assert event.get("username") != scene.name, event
    connection.say_goodbye()


def refused(name: str, data: str | bytes, code: str = "bad_request") -> BadInput:
    """A frame that is answered with an error of this code, and the connection goes on."""

    def run(scene: Scene) -> None:
        connection = came_in(scene)
        connection.push(text(data))
        error = answer(connection)
        assert (error["type"], error["code"]) == ("error", code), error
        assert error["message"], error
        assert error.keys() <= {"type", "code", "message", "ref", "room"}, error
        goes_on(scene, connection)

    return BadInput(f"version 2: {name}", run, joins=True, texts=(STILL_HERE,))


def taken(name: str, data: str, kind: str) -> BadInput:
    """A frame that looks odd, and is answered with this type."""

    def run(scene: Scene) -> None:
        connection = came_in(scene)
        connection.push(text(data))
        answered = answer(connection)
        assert answered["type"] == kind, answered
        goes_on(scene, connection)

    return BadInput(f"version 2: {name}", run, joins=True, texts=(STILL_HERE,))


def many(name: str, frames: list[str], code: str) -> BadInput:
    """Frames in one packet, each of which is answered with an error of this code."""

    def run(scene: Scene) -> None:
        connection = came_in(scene)
        connection.push(b"".join(map(text, frames)))
        codes = [answer(connection).get("code") for _ in frames]
        assert codes == [code] * len(frames), codes
        goes_on(scene, connection)

    return BadInput(f"version 2: {name}", run, joins=True, texts=(STILL_HERE,))


WRONG_KINDS: tuple[str, ...] = ("5", "-0.0", "true", '["x"]', '{"x":1}', HUGE, "1e999")
"""Where a text belongs."""

NO_NUMBERS: tuple[str, ...] = (
    '"5"',
    "-1",
    "1.5",
    "true",
    "[]",
    HUGE,
    "-" + HUGE,
    "1e999",
    "1e-999",
)
"""Where a whole number belongs, not below 0."""

WRONG_KIND = [
    many(f"a wrong kind as {key} of {kind}", [whole % wrong for wrong in wrongs], "bad_request")
    for kind, key, whole, wrongs in (
        ("a message", "message", '{"type":"message","message":%s}', WRONG_KINDS),
        ("a message", "room", '{"type":"message","message":"x","room":%s}', WRONG_KINDS),
        ("a message", "ref", '{"type":"message","message":"x","ref":%s}', WRONG_KINDS),
        ("anything", "type", '{"type":%s,"message":"x"}', WRONG_KINDS),
        ("a join", "room", '{"type":"join","room":%s}', WRONG_KINDS),
        ("a join", "since", '{"type":"join","room":"x","since":%s}', NO_NUMBERS),
        ("a join", "epoch", '{"type":"join","room":"x","epoch":%s}', WRONG_KINDS),
        ("a leave", "room", '{"type":"leave","room":%s}', WRONG_KINDS),
        ("a history", "before", '{"type":"history","before":%s}', NO_NUMBERS),
        ("a history", "after", '{"type":"history","after":%s}', NO_NUMBERS),
        ("a history", "limit", '{"type":"history","limit":%s}', ("0", "101", *NO_NUMBERS)),
        ("a read", "seq", '{"type":"read","seq":%s}', NO_NUMBERS),
        ("an edit", "id", '{"type":"edit","message":"x","id":%s}', WRONG_KINDS),
        ("an edit", "message", '{"type":"edit","id":"x","message":%s}', WRONG_KINDS),
        ("a deletion", "id", '{"type":"delete","id":%s}', WRONG_KINDS),
        ("a token", "token", '{"type":"auth","token":%s}', WRONG_KINDS),
        ("typing", "isTyping", '{"type":"typing","isTyping":%s}', ("0", "1", '"true"', "[]", HUGE)),
    )
]

REFUSED = [
    *WRONG_KIND,
    *(
        refused(name, data)
        for name, data in {
            "a text": "hello",
            "an array of commands": '[{"type":"message","message":"x"}]',
            "an empty object": "{}",
            "an unknown type": '{"type":"nonsense","ref":"r"}',
            "a type of Python's": '{"type":"__class__","message":"x"}',
            "a type only the server sends": '{"type":"ack","ref":"r","id":"x","seq":1}',
            "a second hello": HELLO % '"somebody else"',
            "NaN": '{"type":"read","seq":NaN}',
            "Infinity": '{"type":"read","seq":-Infinity}',
            "nested arrays": '{"type":"join","room":' + "[" * 30_000 + "]" * 30_000 + "}",
            "nested objects": '{"x":' * 10_000 + "1" + "}" * 10_000,
            "nested rooms never closed": '{"type":"join","room":"x","y":' + '{"z":[' * 10_000,
            "a room of prototypes": '{"type":"join","room":"__proto__"}',
            "a room that climbs": '{"type":"join","room":"../../etc/passwd"}',
            "a room of 60,000": '{"type":"join","room":"' + "r" * 60_000 + '"}',
            "a room with NUL": '{"type":"join","room":"a\\u0000b"}',
            "a lone surrogate as room": '{"type":"join","room":"\\ud800"}',
            "a lone surrogate as ref": '{"type":"message","message":"x","ref":"\\udfff"}',
            "a lone surrogate as text": '{"type":"edit","id":"x","message":"\\ud800"}',
            "a lone surrogate as key": '{"type":"message","message":"x","\\ud800":1}',
            "a ref with a blank": '{"type":"message","message":"x","ref":"a b"}',
            "a ref of blanks": '{"type":"message","message":"x","ref":"   "}',
            "a ref with a line feed": '{"type":"message","message":"x","ref":"a\\nb"}',
            "a ref of 60,000": '{"type":"message","message":"x","ref":"' + "r" * 60_000 + '"}',
            "a ref with a bidi override": '{"type":"message","message":"x","ref":"a\\u202eb"}',
            "before and after": '{"type":"history","before":5,"after":1}',
            "a read marker beyond the head": '{"type":"read","seq":9007199254740991}',
            "a doubled key, the last one wrong": '{"type":"message","message":"x","message":5}',
            "a doubled type, the last one wrong": '{"type":"message","type":5,"message":"x"}',
            "a key in capitals": '{"type":"message","Message":"x"}',
            "a byte order mark": '\ufeff{"type":"message","message":"x"}',
            "a comment": '{"type":"message",/* */"message":"x"}',
            "a comma too many": '{"type":"message","message":"x",}',
        }.items()
    ),
    refused("4,097 characters", '{"message":"' + "x" * 4097 + '"}', "too_large"),
    refused("an edit of an id of SQL", '{"type":"delete","id":"\'--"}', "not_found"),
    refused("an edit of an id of NULs", '{"type":"delete","id":"\\u0000"}', "not_found"),
    refused("a room one is not in", '{"type":"history","room":"elsewhere"}', "not_joined"),
    many("unknown types, one less than too many", ['{"type":"nonsense"}'] * 49, "bad_request"),
]

TAKEN = [
    taken("unknown keys", '{"type":"history","limit":1,"__proto__":{"x":[{}]}}', "history"),
    taken("a doubled key, the first one wrong", '{"type":5,"type":"history"}', "history"),
    taken("nulls", '{"type":"history","room":null,"before":null,"ref":null}', "history"),
    taken("a limit as text in an unknown key", '{"type":"history","Limit":"x"}', "history"),
]

FIRST_FRAMES = [
    bad_first_frame(f"a hello with {name}", text(data), answer="error")
    for name, data in {
        "5,000 rooms": json.dumps(
            {"type": "hello", "v": 2, "username": "x", "rooms": {f"r{n}": {} for n in range(5000)}}
        ),
        "a name of a kind of its own": HELLO % '{"toString":"ann"}',
        "a lone surrogate as name": HELLO % '"\\ud800"',
        "a name of 60,000": HELLO % ('"' + "x" * 60_000 + '"'),
        "nested rooms": '{"type":"hello","v":2,"username":"x","rooms":'
        + '{"r":' * 9000
        + "{}"
        + "}" * 9001,
        "a huge version": '{"type":"hello","v":' + HUGE + ',"username":"x"}',
        "a version of NaN": '{"type":"hello","v":NaN,"username":"x"}',
        "a huge since": '{"type":"hello","v":2,"username":"x","rooms":{"r":{"since":'
        + HUGE
        + "}}}",
        "a room of prototypes": '{"type":"hello","v":2,"username":"x","rooms":{"__proto__":{}}}',
        "an array of rooms": '{"type":"hello","v":2,"username":"x","rooms":[{"r":{}}]}',
        "two versions": '{"type":"hello","v":2,"v":1,"username":"x"}',
        "a tail": (HELLO % '"x"') + (HELLO % '"y"'),
        "no end": (HELLO % '"x"')[:-1],
    }.items()
] + [
    bad_first_frame("half a hello", frame(TEXT, b'{"type":"hello"', fin=False), code=4504),
    bad_first_frame(
        "a hello beyond UTF-8", text(b'{"type":"hello","v":2,"username":"\xff"}'), 1007
    ),
]

VERSION_2: list[BadInput] = REFUSED + TAKEN + FIRST_FRAMES
