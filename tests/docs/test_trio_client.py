from pathlib import Path

from websockets.sync.client import connect

from tests.blackbox.server import running

from .pages import code_block, program
from .test_python_client import next_of


def test_the_bot_of_the_how_to_answers_in_the_room_where_it_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "dice.py"
    path.write_text(code_block("how-to/python-client.md", "python"), encoding="utf-8")
    with running() as server, connect(server.url()) as socket:
        socket.send("ann")
        next_of(socket, "presence")
        with program(path, server.url()):
            assert next_of(socket, "presence")["users"] == ["ann", "dice"]
            socket.send("!roll")
            assert next_of(socket, "message")["message"] == "!roll"
            answer = next_of(socket, "message")
            assert (answer["username"], str(answer["message"])[:12]) == ("dice", "ann rolls a ")
