import re

import run
from tests.blackbox.server import running

from .pages import program, text, wait_for_line

PAGE = "tutorial/quick-start.md"


def test_the_terminal_client_of_the_quick_start_joins_and_talks() -> None:
    command = re.compile(r"^    \.venv/bin/python (-m websockets \S+)$", re.MULTILINE)
    ((*module, url),) = (found.split() for found in command.findall(text(PAGE)))
    assert url == "ws://127.0.0.1:8080/ws"
    with running() as server, program(*module, server.url()) as terminal:
        assert terminal.stdin is not None
        terminal.stdin.write("carl\n")
        wait_for_line(terminal, '"users":["carl"]')
        terminal.stdin.write("hello from a terminal\n")
        wait_for_line(terminal, '"username":"carl","message":"hello from a terminal"')


def test_the_quick_start_installs_what_the_readme_s_command_installs() -> None:
    (options,) = re.findall(
        r"^    python3 -m venv .*/pip install (.*) \.$", text(PAGE), re.MULTILINE
    )
    relative = [option.removeprefix(f"{run.ROOT}/") for option in run.INSTALLED["server"][:-1]]
    assert options.split() == relative
