"""Bad messages and names, one of each kind; the tests of ``protocol`` have all of them."""

from tests.support.frames import TEXT, frame, text

from .scene import (
    BadInput,
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


TEXTS: list[BadInput] = PLAIN + FIRST_FRAMES
