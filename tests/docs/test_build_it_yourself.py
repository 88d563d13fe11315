"""The programs of "Build it yourself" do what their pages claim.

Where a program waits for seconds, the test runs a copy with smaller numbers.
"""

import re
import runpy
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
import trio
from attrs import frozen
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.client import Chatter, dial, has_joined, has_left, is_message, is_type
from tests.support.frames import text as text_frame
from tests.support.raw import Event, RawConnection
from tests.support.requests import head

from .pages import DOCS, program, text, wait_for_line

FOLDER = DOCS / "tutorial" / "build_it_yourself"
STEPS = tuple(sorted(path.name for path in FOLDER.glob("step_*.py")))
ECHO, HUB, PRESENCE, TYPING, HISTORY, SHUTDOWN = STEPS

STARTS_TYPING = '{"type": "typing", "isTyping": true}'
STOPS_TYPING = '{"type": "typing", "isTyping": false}'

LONG = "é" * 1000
"""A message of 1,000 characters, which JSON escapes to 6,000 bytes."""

BUFFERS_BYTES = 64 << 20
"""Far more than the buffers of a socket and a full queue hold."""


@frozen
class Step:
    """A running program of the tutorial."""

    process: Popen[str]
    port: int

    @property
    def url(self) -> str:
        """Its WebSocket."""
        return f"ws://127.0.0.1:{self.port}"

    def raw(self) -> RawConnection:
        """Connect without a WebSocket library."""
        return RawConnection(("127.0.0.1", self.port), receive_buffer_bytes=4096)

    def deaf(self, name: str) -> RawConnection:
        """Connect a client that sends its name and then reads nothing."""
        connection = self.raw()
        connection.upgrade()
        connection.push(text_frame(name), reading=False)
        return connection

    def chatter(self, name: str) -> Chatter:
        """Connect a client, and wait until it has joined."""
        client = Chatter(self.url, name)
        client.first(has_joined(name))
        return client


@pytest.fixture(autouse=True)
def _any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")


@contextmanager
def running(path: Path, prints: str = "") -> Iterator[Step]:
    """Run a program in the block, and check what it printed to stderr: by default nothing."""
    with program("-u", path) as process:
        port = re.search(r"ws://127\.0\.0\.1:(\d+)", wait_for_line(process, "ws://"))
        assert port is not None
        yield Step(process, int(port[1]))
        process.kill()
        assert process.stderr is not None
        errors = process.stderr.read()
        assert prints in errors if prints else not errors, errors


def shortened(folder: Path, name: str, **numbers: float) -> Path:
    """Copy a program with other values of its constants."""
    source = (FOLDER / name).read_text(encoding="utf-8")
    for constant, value in numbers.items():
        pattern = rf"^{constant} = \d+$"
        source, count = re.subn(pattern, f"{constant} = {value}", source, flags=re.MULTILINE)
        assert count == 1, f"{name} has no {constant}"
    path = folder / name
    path.write_text(source, encoding="utf-8")
    return path


def has_ended(socket: ClientConnection) -> bool:
    """Return whether the server closes a silent connection within a moment."""
    try:
        socket.recv(0.05)
    except TimeoutError:
        return False
    except ConnectionClosed:
        return True
    raise AssertionError("the connection is not silent")


def test_each_page_includes_its_program_and_the_index_lists_the_pages() -> None:
    lines = [len((FOLDER / name).read_text(encoding="utf-8").splitlines()) for name in STEPS]
    index = text("tutorial/build_it_yourself/index.md")
    assert "```{literalinclude} client.py" in index
    assert f"The first has\n{lines[0]} lines, the last {lines[-1]}." in index
    for name in STEPS:
        page = name.removesuffix(".py").partition("_")[2].partition("_")[2]
        assert f"\n{page}\n" in index
        assert f"```{{literalinclude}} {name}\n" in text(f"tutorial/build_it_yourself/{page}.md")


def test_the_last_page_opens_five_files_of_the_path_of_one_message_in_order() -> None:
    opened = re.findall(
        r"^## \d\. `(.+)`$", text("tutorial/build_it_yourself/server.md"), re.MULTILINE
    )
    assert len(opened) == 5
    path = text("explanation/one-message.md")
    places = [path.index(f"`{name}`") for name in opened]
    assert places == sorted(places)
    assert all((DOCS.parent / "trio_chat" / name).is_file() for name in opened)


def test_the_echo_sends_messages_back_and_ends_a_silent_connection(tmp_path: Path) -> None:
    with running(shortened(tmp_path, ECHO, IDLE_SECONDS=0.5)) as step:
        with dial(step.url) as client, dial(step.url) as silent:
            while not has_ended(silent):
                client.send("hello")
                assert client.recv(20) == "hello"
            # An older connection that is not silent stays.
            client.send("still here")
            assert client.recv(20) == "still here"
        with dial(step.url) as later:
            later.send("the server has seen the others leave")
            later.recv(20)


@pytest.mark.parametrize("name", STEPS)
def test_a_failure_ends_one_connection_and_is_printed(name: str) -> None:
    with running(FOLDER / name, prints="UnicodeDecodeError") as step:
        with step.raw() as broken:
            # wsproto 1.3 raises where it expects ASCII.
            broken.push(head(plus=(b"Sec-WebSocket-Protocol: \xff",)))
            broken.read_end()
        with dial(step.url) as client:
            client.send("ann")
            client.recv(20)


def test_the_hub_drops_a_client_that_does_not_read_and_harms_nobody() -> None:
    with running(FOLDER / HUB) as step:
        ann, bob = step.chatter("ann"), step.chatter("bob")
        ann.first(has_joined("bob"))
        with step.deaf("slow") as slow:
            ann.first(has_joined("slow"))
            bob.first(has_joined("slow"))
            sent: list[str] = []
            seen: list[Event] = []
            dropped = has_left("slow")
            while not any(map(dropped, seen)):
                assert len(sent) * len(LONG) * 6 < BUFFERS_BYTES, "it is never dropped"
                sent.append(f"{len(sent)} {LONG}"[:1000])
                ann.say(sent[-1])
                seen += ann.up_to(is_message(sent[-1]))
            assert len(sent) > 256
            events = bob.up_to(is_message(sent[-1]))
            assert [event["message"] for event in events if event["type"] == "message"] == sent
            # It is cut off at once, and not only taken off the list.
            slow.read_end()


def test_a_client_has_a_time_to_say_its_name_and_to_answer_a_ping(tmp_path: Path) -> None:
    path = shortened(tmp_path, HUB, NAME_SECONDS=0.5, PING_SECONDS=0.5)
    with running(path) as step:
        ann = step.chatter("ann")
        with step.raw() as silent, step.deaf("deaf"):
            ann.first(has_joined("deaf"))
            ann.first(has_left("deaf"))
            silent.read_end()
        # She has answered two pings, and is here.
        ann.fence("still here")


@pytest.mark.parametrize("name", STEPS[1:])
def test_the_hub_forgets_a_client_that_has_left(name: str) -> None:
    hub = runpy.run_path(str(FOLDER / name))["Hub"]()
    with hub.member("ann", trio.CancelScope()):
        assert len(hub.clients) == 1
    assert not hub.clients


def test_presence_has_the_newcomer_and_not_a_client_that_has_left() -> None:
    with running(FOLDER / PRESENCE) as step:
        ann = Chatter(step.url, "ann")
        assert ann.first(is_type("presence"))["users"] == ["ann"]
        bob = Chatter(step.url, "bob")
        assert bob.first(is_type("presence"))["users"] == ["ann", "bob"]
        assert ann.first(is_type("presence"))["users"] == ["ann", "bob"]
        bob.leave()
        ann.first(has_left("bob"))
        assert ann.first(is_type("presence"))["users"] == ["ann"]


def test_typing_ends_with_silence_a_message_a_word_and_the_connection(tmp_path: Path) -> None:
    path = shortened(tmp_path, TYPING, TYPING_SECONDS=0.3)
    with running(path) as step:
        ann, bob = step.chatter("ann"), step.chatter("bob")

        def typing() -> bool:
            event = ann.first(is_type("typing"))
            assert event["username"] == "bob"
            return bool(event["isTyping"])

        bob.say(STARTS_TYPING)
        assert (typing(), typing()) == (True, False), "silence"
        bob.say(STARTS_TYPING)
        bob.say("hello")
        assert (typing(), typing()) == (True, False)
        ann.first(is_message("hello"))
        for frame in (STARTS_TYPING, STARTS_TYPING, STOPS_TYPING):
            bob.say(frame)
        assert (typing(), typing()) == (True, False)
        bob.say(STARTS_TYPING)
        assert typing()
        bob.leave()
        assert not typing()
        ann.first(has_left("bob"))


def test_an_odd_frame_ends_nothing() -> None:
    with running(FOLDER / TYPING) as step:
        ann = step.chatter("ann")
        for frame in ('{"type":"message"}', '{"message":5}', "[1]", "5", "{"):
            ann.say(frame)
        ann.fence("still here")


def test_history_has_the_newest_50_events_and_the_next_one_follows() -> None:
    with running(FOLDER / HISTORY) as step:
        ann = step.chatter("ann")
        for number in range(60):
            ann.fence(str(number))
        bob = Chatter(step.url, "bob")
        events = bob.up_to(has_joined("bob"))
        history = events[0]["history"]
        assert [event["message"] for event in history] == [str(n) for n in range(10, 60)]
        assert len(events) == 2, "the notice of bob follows"
        # Presence is not part of it.
        newest = Chatter(step.url, "carol").next()["history"][-1]
        assert newest["message"] == "bob has joined the chat"


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_status_0_and_clients_with_1001(
    signal_number: signal.Signals,
) -> None:
    with running(FOLDER / SHUTDOWN) as step:
        ann, bob = step.chatter("ann"), step.chatter("bob")
        for number in range(100):
            ann.say(str(number))
        ann.first(is_message("99"))
        step.process.send_signal(signal_number)
        events, code = bob.rest()
        said = [event["message"] for event in events if event["type"] == "message"]
        assert (said, code) == ([str(number) for number in range(100)], 1001)
        assert ann.close_code() == 1001
        assert step.process.wait(20) == 0


def test_a_client_that_does_not_read_delays_the_end_by_the_grace_only(tmp_path: Path) -> None:
    path = shortened(tmp_path, SHUTDOWN, GRACE_SECONDS=0.5)
    with running(path) as step:
        ann = step.chatter("ann")
        with step.deaf("stuck"):
            ann.first(has_joined("stuck"))
            step.process.send_signal(signal.SIGTERM)
            assert ann.close_code() == 1001
            assert step.process.wait(20) == 0


def test_the_terminal_client_sends_what_is_typed_and_says_why_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running(FOLDER / SHUTDOWN) as step:
        monkeypatch.setenv("PORT", str(step.port))
        with program("-u", FOLDER / "client.py") as terminal:
            assert terminal.stdin is not None
            terminal.stdin.write("ann\nhello\n")
            wait_for_line(terminal, '"username": "ann", "message": "hello"')
            step.process.send_signal(signal.SIGTERM)
            wait_for_line(terminal, "1001")
            assert terminal.wait(20) == 0
