"""Checks that an installed trio_chat serves: ``python -m tests.installed PYTHON``.

PYTHON is an interpreter with trio_chat, away from the checkout; this one has only ``websockets``.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

PATIENCE_SECONDS = 30
PAGES = {"/": b"<!doctype html", "/echo": b"<!doctype html", "/healthz": b"ok"}


def fetch(url: str, begins: bytes) -> None:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    assert body.lower().startswith(begins), f"{url} begins with {body[:40]!r}"
    print(f"{url}: {len(body)} bytes")


def talk(url: str) -> None:
    """Join, send a message, and wait until it comes back."""
    with connect(url, open_timeout=PATIENCE_SECONDS) as socket:
        socket.send("ann")
        socket.send("hello, wheel")
        message: dict[str, object] = {}
        while message.get("type") != "message":
            message = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
    assert (message["username"], message["message"]) == ("ann", "hello, wheel"), message
    print(f"{url}: a round trip")


def try_out(server: "subprocess.Popen[str]", folder: str) -> None:
    assert server.stdout is not None
    line = server.stdout.readline()
    found = re.search(r"http://[^/\s]+", line)
    assert found, f"no URL in the first line of stdout: {line!r}"
    for path, begins in PAGES.items():
        fetch(found[0] + path, begins)
    talk(found[0].replace("http:", "ws:") + "/ws")
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE_SECONDS) == 0, f"exit status {server.returncode}"
    print("SIGTERM: exit status 0")
    assert Path(folder, "trio_chat.db").is_file(), "there is no history"


def main(python: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [python, "-m", "trio_chat", "--port", "0"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        # It ends the server, and so the read from its stdout, whatever hangs.
        watchdog = threading.Timer(2 * PATIENCE_SECONDS, server.kill)
        watchdog.start()
        try:
            try_out(server, folder)
        finally:
            watchdog.cancel()
            server.kill()


if __name__ == "__main__":
    main(sys.argv[1])
