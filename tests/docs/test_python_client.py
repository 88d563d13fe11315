import json
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.blackbox.server import running

from .fleeting import closing_with
from .pages import code_block, program


@pytest.fixture
def dice(tmp_path: Path) -> Path:
    path = tmp_path / "dice.py"
    path.write_text(
        code_block("how-to/write-a-client.md", "python", '"""dice.py'), encoding="utf-8"
    )
    return path


def next_of(socket: ClientConnection, kind: str) -> dict[str, object]:
    while True:
        event: dict[str, object] = json.loads(socket.recv(timeout=30))
        if event["type"] == kind:
            return event


def test_the_bot_of_the_how_to_answers_and_shows_that_it_types(dice: Path) -> None:
    with running() as server, connect(server.url()) as socket:
        socket.send("ann")
        next_of(socket, "presence")
        with program(dice, server.url()):
            assert next_of(socket, "presence")["users"] == ["ann", "dice"]
            socket.send("!roll")
            assert next_of(socket, "message")["message"] == "!roll"
            typing = next_of(socket, "typing")
            assert (typing["username"], typing["isTyping"]) == ("dice", True)
            answer = next_of(socket, "message")
            assert (answer["username"], str(answer["message"])[:12]) == ("dice", "ann rolls a ")
            assert next_of(socket, "typing")["isTyping"] is False


def test_the_bot_comes_back_after_1001_and_not_after_4501(dice: Path) -> None:
    with closing_with(1001, 4501) as server, program(dice, server.url) as bot:
        assert bot.wait(30) == 1
        assert bot.stderr is not None
        assert bot.stderr.read() == "as the test wants it\n"
        assert server.names == ["dice", "dice"]
