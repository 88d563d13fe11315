from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.blackbox.server import running

from .interrupting import interrupting
from .modelled import Frame, modelled
from .pages import code_block, program
from .test_python_client import next_of


@pytest.fixture
def post(tmp_path: Path) -> Path:
    path = tmp_path / "post.py"
    path.write_text(
        code_block("how-to/write-a-client.md", "python", '"""post.py'), encoding="utf-8"
    )
    return path


def test_each_line_is_said_once_and_in_order(post: Path) -> None:
    lines = [f"line {number}" for number in range(25)]  # a few more than the rate lets through
    with running() as server, connect(server.url()) as socket:
        socket.send("ann")
        next_of(socket, "presence")
        with program(post, server.url()) as client:
            said, complaints = client.communicate("\n".join(lines), timeout=30)
        assert (client.returncode, complaints) == (0, "")
        assert [next_of(socket, "message")["message"] for _ in lines] == lines
        assert said.splitlines()[:20] == [f"post: {line}" for line in lines[:20]]


def test_what_is_refused_is_told_and_the_next_line_goes_on(post: Path) -> None:
    with running() as server, connect(server.url()) as socket:
        socket.send("ann")
        next_of(socket, "presence")
        with program(post, server.url()) as client:
            _, complaints = client.communicate("x" * 5_000 + "\nshort", timeout=30)
        assert complaints.startswith("refused: ")
        assert next_of(socket, "message")["message"] == "short"


def test_after_a_restart_it_goes_on_where_it_was_with_the_same_ref(post: Path) -> None:
    with interrupting() as server, program(post, server.url) as client:
        client.communicate("hello", timeout=30)
        assert client.returncode == 0
        first, second = server.hellos
        assert first["rooms"] == {"general": {}}
        assert second["rooms"] == {"general": {"since": 41, "epoch": "e"}}
        assert second["device"] == first["device"]
        assert server.messages[0] == server.messages[1]


def test_more_than_a_joined_holds_is_shown_page_by_page(post: Path) -> None:
    with modelled() as server:
        server.model.newest, server.model.resume = 5, 3
        missed = [f"missed {number}" for number in range(120)]

        def close_once(frame: Frame) -> int | None:
            if frame["type"] != "message" or server.model.stores["general"]:
                return None
            for text in missed:
                server.model.say("general", text)
            return 1001

        server.closes_with = close_once
        with program(post, server.url) as client:
            said, complaints = client.communicate("last", timeout=30)
        assert (client.returncode, complaints) == (0, "")
        # It ends with its last acknowledgement, which comes before that message.
        assert (
            said.splitlines() == [f"someone: {text}" for text in missed][: len(said.splitlines())]
        )
        assert len(said.splitlines()) >= 50
