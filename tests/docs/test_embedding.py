import json
import re
import signal
from pathlib import Path

from websockets.sync.client import connect

from .pages import code_block, program, wait_for_line


def test_the_program_of_the_how_to_serves_works_and_ends_on_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "lobby.py"
    path.write_text(code_block("how-to/embed.md", "python"), encoding="utf-8")
    with program(path, "0", folder=tmp_path) as lobby:
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
