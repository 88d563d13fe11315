import json
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.blackbox.server import running
from tests.blackbox.waiting import eventually

from .pages import code_block, program
from .test_python_client import next_of


def example(folder: Path, name: str) -> Path:
    """One of the programs of the how-to, as a file."""
    path = folder / name
    path.write_text(code_block("how-to/python-client.md", "python", f'"""{name}'), encoding="utf-8")
    return path


def test_the_bot_of_the_how_to_answers_in_the_room_where_it_was_asked(tmp_path: Path) -> None:
    path = example(tmp_path, "dice.py")
    with running() as server, connect(server.url()) as socket:
        socket.send("ann")
        next_of(socket, "presence")
        with program(path, server.url()):
            assert next_of(socket, "presence")["users"] == ["ann", "dice"]
            socket.send("!roll")
            assert next_of(socket, "message")["message"] == "!roll"
            answer = next_of(socket, "message")
            assert (answer["username"], str(answer["message"])[:12]) == ("dice", "ann rolls a ")


def test_the_echo_of_the_how_to_does_not_answer_itself_when_shown_in_another_spelling(
    tmp_path: Path,
) -> None:
    path = example(tmp_path, "echo.py")
    with running() as server, connect(server.url()) as socket:
        socket.send("ECHO")
        next_of(socket, "presence")
        with connect(server.url()) as other, program(path, server.url()):
            other.send("ann")
            eventually(lambda: joined(server.log_lines).count("ECHO") == 2, "the bot is in")
            for text in ("one", "two"):
                other.send(text)
                assert [said(other), said(other)] == [("ann", text), ("ECHO", text)]


def joined(store: list[str]) -> list[str]:
    """Who has joined, as the log lines say."""
    lines = [json.loads(line) for line in store]
    return [line["user"] for line in lines if line["event"] == "joined"]


def said(socket: ClientConnection) -> tuple[object, object]:
    """The next message."""
    message = next_of(socket, "message")
    return message["username"], message["message"]


@pytest.mark.parametrize("name", ["in_a_thread.py", "as_a_guest.py", "with_anyio.py"])
def test_the_ways_from_asyncio_of_the_how_to_store_their_message(tmp_path: Path, name: str) -> None:
    path = example(tmp_path, name)
    with running() as server, program(path, server.url()) as client:
        said, complaints = client.communicate(timeout=30)
        assert (client.returncode, said, complaints) == (0, "2\n", "")
    with program(path, "ws://no host/ws") as client:
        _, complaints = client.communicate(timeout=30)
        assert client.returncode == 1
        assert "has a blank" in complaints
