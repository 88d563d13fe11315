"""The Python programs of the pages, each run as a reader runs it."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .pages import code_block, program, text, wait_for_line

TUTORIAL = "tutorial/quick-start.md"
CLIENT = "how-to/python-client.md"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as it:
        yield it


def example(folder: Path, page: str, name: str) -> Path:
    """Save the program of this name on a page as a file."""
    path = folder / name
    path.write_text(code_block(page, "python", f'"""{name}'), encoding="utf-8")
    return path


def next_of(socket: ClientConnection, kind: str) -> dict[str, object]:
    """Return the next event of this type."""
    while True:
        event: dict[str, object] = json.loads(socket.recv(timeout=30))
        if event["type"] == kind:
            return event


def next_message(socket: ClientConnection) -> tuple[object, object]:
    """Return the author and the text of the next message."""
    event = next_of(socket, "message")
    return event["username"], event["message"]


def joins(server: ChatServer) -> list[str]:
    """Return the users who have joined, as the log lines name them."""
    lines = [json.loads(line) for line in server.log_lines]
    return [line["user"] for line in lines if line["event"] == "joined"]


def test_the_terminal_client_of_the_tutorial_joins_and_sends(server: ChatServer) -> None:
    command = re.compile(r"^    \.venv/bin/python (-m websockets \S+)$", re.MULTILINE)
    ((*module, url),) = (found.split() for found in command.findall(text(TUTORIAL)))
    assert url == "ws://127.0.0.1:8080/ws"
    with program(*module, server.url()) as terminal:
        assert terminal.stdin is not None
        terminal.stdin.write("carl\n")
        wait_for_line(terminal, '"users":["carl"]')
        terminal.stdin.write("hello from a terminal\n")
        wait_for_line(terminal, '"username":"carl","message":"hello from a terminal"')


def test_the_ten_lines_of_the_guide_send_and_print(server: ChatServer, tmp_path: Path) -> None:
    path = example(tmp_path, "how-to/write-a-client.md", "hello.py")
    assert len([line for line in path.read_text().splitlines() if line]) == 10
    with connect(server.url()) as socket, program(path, server.url()) as hello:
        socket.send("ann")
        assert next_message(socket) == ("hello.py", "hello")
        socket.send("welcome")
        wait_for_line(hello, "ann writes welcome")


def test_the_programs_of_the_tutorial_print_and_answer(server: ChatServer, tmp_path: Path) -> None:
    listen, dice = (example(tmp_path, TUTORIAL, name) for name in ("listen.py", "dice.py"))
    with connect(server.url()) as socket:
        socket.send("ann")
        with program(listen, server.url()) as listener, program(dice, server.url()):
            eventually(lambda: len(joins(server)) == 3, "both programs have joined")
            socket.send("!roll")
            wait_for_line(listener, "ann: !roll")
            assert re.match(r"dice: ann rolls a [1-6]$", wait_for_line(listener, "rolls"))


def test_the_echo_ignores_its_own_messages_in_another_spelling(
    server: ChatServer, tmp_path: Path
) -> None:
    with connect(server.url()) as socket, connect(server.url()) as other:
        socket.send("ECHO")
        next_of(socket, "presence")
        with program(example(tmp_path, CLIENT, "echo.py"), server.url()):
            other.send("ann")
            eventually(lambda: joins(server).count("ECHO") == 2, "the bot has joined")
            for line in ("one", "two"):
                other.send(line)
                assert [next_message(other), next_message(other)] == [("ann", line), ("ECHO", line)]


@pytest.mark.parametrize("name", ["in_a_thread.py", "with_anyio.py"])
def test_an_asyncio_or_anyio_program_stores_its_message(
    server: ChatServer, tmp_path: Path, name: str
) -> None:
    path = example(tmp_path, CLIENT, name)
    with program(path, server.url()) as client:
        output, errors = client.communicate(timeout=30)
        assert (client.returncode, output, errors) == (0, "2\n", "")
    with program(path, "ws://no host/ws") as client:
        _, errors = client.communicate(timeout=30)
        assert client.returncode == 1
        assert "ValueError" in errors


def test_the_embedded_server_runs_beside_a_task_and_ends_on_a_signal(tmp_path: Path) -> None:
    with program(example(tmp_path, "how-to/embed.md", "lobby.py"), "0", folder=tmp_path) as lobby:
        url = re.search(r"http://\S+", wait_for_line(lobby, "working beside"))
        assert url is not None
        with connect(url[0].replace("http:", "ws:") + "ws") as socket:
            socket.send("ann")
            assert json.loads(socket.recv(timeout=30))["room"] == "lobby"
        lobby.send_signal(signal.SIGTERM)
        assert lobby.wait(30) == 0
        assert lobby.stdout is not None
        assert lobby.stdout.read() == "", "log lines go to stderr"
    assert (tmp_path / "lobby.db").is_file()
