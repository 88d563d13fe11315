import re

from tests.blackbox.server import running

from .pages import DOCS, program, text, wait_for_line

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


def test_the_quick_start_and_the_readme_install_in_the_same_way() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (python3 -m venv .*)$", text(PAGE), re.MULTILINE)
    assert f"{command} && .venv/bin/python -m trio_chat" in readme
