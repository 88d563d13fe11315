"""Bad messages and names, one of each kind; the tests of ``protocol`` have all of them."""

import json

from tests.support.frames import TEXT, frame, text
from tests.support.raw import Event, RawConnection

from .scene import (
    STILL_HERE,
    BadInput,
    Scene,
    accepted,
    bad_first_frame,
    binary,
    closed,
    refused,
)

NESTED = '{"message":' + "[" * 30_000 + "]" * 30_000 + "}"

PLAIN = [
    *(
        refused(name, data)
        for name, data in {
            "a room one is not in": '{"message":"hi","room":"elsewhere"}',
            "what only version 2 may send": '{"type":"history","limit":5}',
            "a number of 5,000 digits": '{"message":' + "9" * 5000 + "}",
            "nested arrays": NESTED,
            "nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
            "a lone surrogate": '{"message":"\\ud800"}',
            "4,097 characters of four bytes": "\U0001f600" * 4097,
            "a frame as large as may be": "x" * 65_536,
        }.items()
    ),
    accepted("a brace after a blank", ' {"message":5}', '{"message":5}'),
    accepted("a brace after a byte order mark", "\ufeff{}", "\ufeff{}"),
    accepted("a bidi override", "\u202egnirts", "\u202egnirts"),
    accepted("unknown keys", '{"message":"hi","x":[1,{"type":5}]}', "hi"),
    closed("100,000 brackets in a message", text('{"message":' + "[" * 100_000), 1009),
    closed("10 MB in one frame", text("x" * 10_000_000), 1009),
    closed("10 MB in one echoed frame", binary(bytes(10_000_000)), 1009, path="/ws/echo"),
]

HELLO = '{"type":"hello","v":2,"username":%s,"device":"d"}'
ROOMS = HELLO[:-1] % '"x"' + ',"rooms":'

FIRST_FRAMES = [
    *(
        bad_first_frame(f"as a name: {name}", text(data), answer="system")
        for name, data in {
            "a bell": "a\x07b",
            "nothing": "",
            "33 characters of four bytes": "\U00020000" * 33,
            "a brace after a wide blank": "\u3000{ann",
            "60,000 characters": "x" * 60_000,
        }.items()
    ),
    *(
        bad_first_frame(name, text(data), answer="error")
        for name, data in {
            "a brace": "{ann",
            "another object": '{"message":"hi"}',
            "5,000 rooms": ROOMS + "{" + ",".join(f'"{n}":{{}}' for n in range(5000)) + "}}",
            "a name of another type": HELLO % '{"toString":"ann"}',
            "nested rooms": ROOMS + '{"r":' * 9000 + "{}" + "}" * 9001,
            "a huge version": HELLO.replace("2", "9" * 5000) % '"x"',
            "two versions": '{"type":"hello","v":2,"v":1,"username":"x"}',
            "a hello without an end": (HELLO % '"x"')[:-1],
        }.items()
    ),
    bad_first_frame("a first frame of 10 MB", text("x" * 10_000_000), code=1009),
    bad_first_frame("no first frame", b"", code=4504),
    bad_first_frame("half a first frame", frame(TEXT, b"ann", claimed=5), code=4504),
]


def answer(connection: RawConnection) -> Event:
    """Return the next answer to this connection alone."""
    while True:
        event = connection.read_event()
        if event["type"] in {"error", "ack", "history", "joined"}:
            return event


def in_version_2(name: str, messages: list[str], *answers: str) -> BadInput:
    """Return messages in one packet, each with the code or type of its answer; one for all."""

    def run(scene: Scene) -> None:
        connection = scene.upgraded()
        connection.push(text(HELLO % json.dumps(scene.name)))
        while connection.read_event().get("message") != f"{scene.name} has joined the chat":
            pass
        connection.push(b"".join(map(text, messages)))
        events = [answer(connection) for _ in messages]
        expected = list(answers) * (len(messages) if len(answers) == 1 else 1)
        codes = [str(event.get("code", event["type"])) for event in events]
        assert sorted(codes) == sorted(expected)
        connection.push(text(json.dumps({"type": "message", "message": STILL_HERE, "ref": "last"})))
        ack = answer(connection)
        assert (ack["type"], ack["ref"], ack["dup"]) == ("ack", "last", False), ack
        while connection.read_event().get("message") != STILL_HERE:
            pass
        connection.say_goodbye()

    return BadInput(f"version 2: {name}", run, joins=True, texts=(STILL_HERE,))


EXTREMES = ("9" * 5000, "-" + "9" * 5000, "1e999", "1e-999", "NaN", "-Infinity")

VERSION_2 = [
    in_version_2(
        "extreme numbers",
        [
            whole % number
            for number in EXTREMES
            for whole in (
                '{"type":"read","seq":%s}',
                '{"type":"message","message":%s}',
                '{"type":"join","room":"x","since":%s}',
                '{"type":"typing","isTyping":%s}',
            )
        ],
        "bad_request",
    ),
    in_version_2(
        "malformed objects",
        [
            NESTED,
            '{"x":' * 10_000 + "1" + "}" * 10_000,
            HELLO % '"somebody else"',
            '{"type":"__class__","message":"x"}',
            '{"type":"join","room":"../../etc/passwd"}',
            '{"type":"message","message":"x","ref":"a\\u202eb"}',
            '{"type":"message","message":"x","ref":"' + "r" * 60_000 + '"}',
            '{"type":"message","message":"x","\\ud800":1}',
            '{"type":"message","message":"x","message":5}',
            '{"type":"message",/* */"message":"x"}',
            '\ufeff{"type":"message","message":"x"}',
            '{"type":"history","before":5,"after":1}',
            '{"type":"read","seq":9007199254740991}',
        ],
        "bad_request",
    ),
    in_version_2(
        "odd but valid",
        [
            '{"type":"history","limit":1,"__proto__":{"x":[{}]}}',
            '{"type":5,"type":"history"}',
            '{"type":"history","room":null,"before":null,"ref":null}',
        ],
        "history",
    ),
]

TEXTS: list[BadInput] = PLAIN + FIRST_FRAMES + VERSION_2
