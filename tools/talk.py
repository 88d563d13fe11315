"""What the people of the stage write, one function for each room."""

from tools.stage import Stage

ROOM = "release"
"""The room of the busy conversation."""

_NAMES = ("Mira", "Theo", "Sam", "Élodie", "Nils")

_TALK = """
Mira: Morning! The release is on staging since half past eight.

Mira: Logs are quiet so far.

Theo: Good. Here is the list:
1. stop the server
2. watch the tabs come back

Sam: Which build is it? `2.4.0-rc3` or the one after?

Mira: rc4, see https://example.org/builds/rc4 for the **whole** list.

Élodie: @ann, can you look at the numbers before noon?

ann: On it. Two tabs and a phone are open here, go ahead.

ann: The page stays at 60 frames a second with a thousand rows.

Theo: Stopping it now.

Nils: My window says “Reconnecting in 2 s”…

Nils: …and it is back. Nothing doubled, nothing lost.

Sam: Same on my phone, on the train between two tunnels, the place where every chat that I have \
used so far has lost at least one message of mine.

Élodie: Même chose ici ✓

Sam: 🎉

Mira: Then we ship at eleven. Who writes the note?

ann: I do, give me ten minutes.

Theo: Thank you!
"""

_MARKED = """
Theo: Here is what the service file needs:
```ini
[Service]
ExecStart=/usr/bin/trio_chat --host 0.0.0.0 --port 8000 --store /var/lib/trio_chat/history.sqlite \
--log-format json
Restart=always
```
and then `systemctl daemon-reload`.

Mira: > Restart=always
> even after a clean stop?
Yes: a clean stop is what `systemctl stop` does.

Sam: Before we go on:
- **backup** of the store
- *then* the new version
- the old one stays

Sam: 1. https://example.org/a/very/long/address/that/does/not/end/before/the/edge/of/the/window/\
and/goes/on?with=parameters&that=matter#and-a-part
2. mailto:ops@example.org

ann: What is not closed stays as typed: **bold, `code, *italic and <b>markup</b>

Élodie: @ann and @Theo: **both** of you, please.
"""

_RIGHT_TO_LEFT = """
שירה: בוקר טוב! הגרסה החדשה עלתה לשרת הבדיקות.

ليلى: صباح الخير، السجلات هادئة حتى الآن. انظر https://example.org/builds/rc4 للقائمة.

Mira: The word שלום stands in the middle, and 12:30 stays 12:30.

ليلى: القائمة:
- أوقف الخادم
- راقب النوافذ
```
systemctl restart trio_chat
```

Theo: A name that turns the text: \u202eevitarebil\u202c, shown as typed.
"""

LONG_ROOMS = (
    "a-room-whose-name-takes-all-of-the-sixty-four-letters-of-a-name1",
    "customer-support-escalations-emea-2026-q4",
    "release",
    "x",
)


def _parse(conversation: str) -> list[tuple[str, str]]:
    """Return the author and the text of each message. An empty line separates two."""
    messages = [message.partition(": ") for message in conversation.strip().split("\n\n")]
    return [(name, text) for name, _, text in messages]


def fill_release(stage: Stage) -> None:
    """Fill the busy room. Everybody has read it."""
    people = {name: stage.person(name, ROOM) for name in _NAMES}
    ann = stage.person("ann", ROOM)
    messages = _parse(_TALK)
    for name, text in messages[:-3]:
        (people.get(name) or ann).write(ROOM, text)
    people["Theo"].edit(ROOM, "The kettle is one", "The kettle is on, too.")
    people["Nils"].edit(ROOM, "Wrong room", None)
    last = 0
    for name, text in messages[-3:]:
        last = (people.get(name) or ann).write(ROOM, text)
    for person in people.values():
        person.read(ROOM, last)


def fill_marked(stage: Stage) -> None:
    """Fill a room with marked-up messages."""
    for name, text in _parse(_MARKED):
        stage.person(name, "dev").write("dev", text)


def fill_right_to_left(stage: Stage) -> None:
    """Fill a room with names and texts in Hebrew and Arabic."""
    for name, text in _parse(_RIGHT_TO_LEFT):
        stage.person(name, "world").write("world", text)


def fill_long(stage: Stage) -> None:
    """Fill a room with messages that the page folds, and with words without a place to break."""
    sam = stage.person("Sam Featherstonehaugh-Cholmondel", "essays")
    sam.write("essays", "\n".join(f"Line {number} of a long report." for number in range(120)))
    sam.write("essays", "Donaudampfschifffahrtsgesellschaftskapitän" * 8)
    sam.write("essays", "A paragraph that goes on and on, as people paste them. " * 50)


def fill_busy(stage: Stage) -> None:
    """Fill a room with many messages: a newcomer has read the first few."""
    rosa, mira = stage.person("Rosa", "busy"), stage.person("Mira at the desk", "busy")
    for number in range(90):
        seq = mira.write("busy", f"Ticket {1000 + number} is done.")
        if number == 19:  # noqa: PLR2004 - some of them
            rosa.read("busy", seq)


def fill_door(stage: Stage) -> None:
    """Fill a room where people only come and go."""
    greeter = stage.person("Greeter", "door")
    greeter.write("door", "Welcome, all of you.")
    for number in range(9):
        stage.person(f"Guest {number}", "door")
    greeter.write("door", "That is everybody?")
    for number in range(4):
        stage.person(f"Guest {number}", "door").leave()
