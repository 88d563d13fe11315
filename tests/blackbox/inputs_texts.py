"""Bad text messages and bad names (docs/reference/wire.md), each with its answer."""

from tests.support.frames import CONTINUATION, PING, TEXT, frame, text

from .scene import BadInput, accepted, bad_first_frame, binary, closed, refused

REFUSED = [
    refused(name, data)
    for name, data in {
        "an opening brace": "{",
        "JSON cut short": '{"message":"hi"',
        "JSON with a tail": '{"message":"hi"} and more',
        "two objects": '{"message":"a"}{"message":"b"}',
        "quotes of the wrong kind": "{'message':'hi'}",
        "NaN": '{"message":NaN}',
        "an empty object": "{}",
        "a number as message": '{"message":5}',
        "null as message": '{"message":null}',
        "true as message": '{"message":true}',
        "an array as message": '{"message":["hi"]}',
        "an object as message": '{"message":{"message":"hi"}}',
        "a number as type": '{"type":5}',
        "null as type": '{"type":null,"message":"hi"}',
        "an array as type": '{"type":["message"],"message":"hi"}',
        "an unknown type": '{"type":"nonsense"}',
        "a type in capitals": '{"type":"MESSAGE","message":"hi"}',
        "a message without text": '{"type":"message"}',
        "a number as room": '{"message":"hi","room":5}',
        "a room one is not in": '{"message":"hi","room":"elsewhere"}',
        "a number as ref": '{"message":"hi","ref":99999999999999999999999999}',
        "typing without a state": '{"type":"typing"}',
        "typing with a word": '{"type":"typing","isTyping":"yes"}',
        "typing with a number": '{"type":"typing","isTyping":1}',
        "typing in a room one is not in": '{"type":"typing","isTyping":true,"room":"elsewhere"}',
        "what only version 2 may send": '{"type":"history","limit":5}',
        "a join": '{"type":"join","room":"elsewhere"}',
        "an exponent beyond all numbers": '{"message":1e999999}',
        "a number of 5,000 digits": '{"message":' + "9" * 5000 + "}",
        "nested arrays": '{"message":' + "[" * 30_000 + "]" * 30_000 + "}",
        "nested arrays never closed": '{"message":' + "[" * 60_000,
        "nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
        "a lone high surrogate": '{"message":"\\ud800"}',
        "a lone low surrogate": '{"message":"a\\udc00b"}',
        "surrogates in the wrong order": '{"message":"\\ude00\\ud83d"}',
        "NUL in JSON": '{"message":"a\\u0000b"}',
        "NUL in a text": "a\x00b",
        "an empty text": "",
        "only blanks": " \t\u3000\n",
        "an empty message": '{"message":""}',
        "a message of blanks": '{"message":"\\u2003 \\u00a0"}',
        "4,097 characters": "x" * 4097,
        "4,097 characters in JSON": '{"message":"' + "x" * 4097 + '"}',
        "4,097 characters of four bytes": "\U0001f600" * 4097,
        "a frame as large as may be": "x" * 65_536,
    }.items()
]

SAID = [
    accepted("an array", "[1,2,3]", "[1,2,3]"),
    accepted("a number", "5", "5"),
    accepted("null", "null", "null"),
    accepted("a JSON string", '"hi"', '"hi"'),
    accepted("a brace after a blank", ' {"message":5}', '{"message":5}'),
    accepted("a brace after a byte order mark", "\ufeff{}", "\ufeff{}"),
    accepted("markup", "<script>alert(1)</script>", "<script>alert(1)</script>"),
    accepted("a bidi override", "\u202egnirts", "\u202egnirts"),
    accepted("a surrogate pair", '{"message":"\\ud83d\\ude00"}', "\U0001f600"),
    accepted("unknown keys", '{"message":"hi","x":[1,{"type":5}]}', "hi"),
]

TOO_LARGE = [
    closed("100,000 brackets", text("[" * 100_000), 1009),
    closed("100,000 brackets in a message", text('{"message":' + "[" * 100_000), 1009),
    closed("one byte too many", text("x" * 65_537), 1009),
    closed("one byte too many echoed", binary(b"x" * 65_537), 1009, path="/ws/echo"),
    closed("10 MB in one frame", text("x" * 10_000_000), 1009),
    closed("10 MB in one echoed frame", binary(bytes(10_000_000)), 1009, path="/ws/echo"),
]

NOT_UTF8 = [
    closed("invalid UTF-8", text(b"caf\xe9"), 1007),
    closed("an overlong slash", text(b"\xc0\xaf"), 1007),
    closed("a surrogate in UTF-8", text(b"\xed\xa0\x80"), 1007),
    closed("beyond Unicode", text(b"\xf4\x90\x80\x80"), 1007),
    closed("a character cut short", text(b"\xe2\x82"), 1007),
    closed(
        "invalid UTF-8 over two fragments",
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\x28"),
        1007,
    ),
    closed(
        "a character cut short by the last fragment",
        frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"),
        1007,
    ),
    closed("invalid UTF-8 echoed", text(b"\xff"), 1007, path="/ws/echo"),
]

NAMES = [
    bad_first_frame(f"as a name: {name}", text(data), answer="system")
    for name, data in {
        "a bell": "a\x07b",
        "NUL": "a\x00b",
        "a line feed": "a\nb",
        "DEL": "a\x7fb",
        "a bidi override": "a\u202eb",
        "a bidi isolate": "a\u2066b",
        "a zero width space": "a\u200bb",
        "a soft hyphen": "a\u00adb",
        "a noncharacter": "a\ufffeb",
        "a private character": "a\ue000b",
        "only marks": "\u0301\u0308",
        "only blanks": "   ",
        "only wide blanks": "\u3000\u3000",
        "nothing": "",
        "33 characters": "x" * 33,
        "33 characters of four bytes": "\U00020000" * 33,
        "a brace after blanks": "  {ann",
        "a brace after a wide blank": "\u3000{ann",
        "60,000 characters": "x" * 60_000,
    }.items()
]

FIRST_FRAMES = [
    bad_first_frame("as a name: a brace", text("{ann"), answer="error"),
    bad_first_frame("as a name: another object", text('{"message":"hi"}'), answer="error"),
    bad_first_frame("a binary first frame", binary(b"ann"), code=1003),
    bad_first_frame("a first frame that is not UTF-8", text(b"\xff\xfe"), code=1007),
    bad_first_frame("a first frame of 10 MB", text("x" * 10_000_000), code=1009),
    bad_first_frame("no first frame", b"", code=4504),
    bad_first_frame("pings and no first frame", frame(PING, b"hi") * 20, code=4504),
    bad_first_frame("half a first frame", frame(TEXT, b"ann", claimed=5), code=4504),
    bad_first_frame("a first fragment", frame(TEXT, b"ann", fin=False), code=4504),
]

TEXTS: list[BadInput] = REFUSED + SAID + TOO_LARGE + NOT_UTF8 + NAMES + FIRST_FRAMES
