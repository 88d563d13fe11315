"""The names that docs/reference/compatibility.md promises to keep.

``python -m tests.docs.stable_names`` writes those of the present code to stable_names.txt, at each
release. The diff of that file shows the names that the release adds and removes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

import trio_chat.client
from docs._ext import asyncapi, reference
from trio_chat.errors import ErrorCode
from trio_chat.settings import Settings, flag_name

FILE: Final = Path(__file__).with_suffix(".txt")


def stable_names() -> Iterator[str]:
    """Yield one line for each name, with the part of the server that it belongs to."""
    yield from (f"setting {flag_name(field.name)}" for field in attrs.fields(Settings))
    for name, kind, labels, _ in _rows(reference.metrics()):
        yield f"metric {name} {kind} {labels}".rstrip()
    yield from _wire()
    yield from (f"error code {code}" for code in ErrorCode)
    yield from (f"close code {code}" for code, *_ in _rows(reference.close_codes()))
    yield from (f"client {name}" for name in trio_chat.client.__all__)


def _rows(table: Iterator[str]) -> Iterator[list[str]]:
    """Yield the cells of each row below the head; they are code, so without their backticks."""
    for row in list(table)[2:]:
        yield row.replace("`", "").removeprefix("| ").split(" | ", 3)


def _wire() -> Iterator[str]:
    document = asyncapi.document()
    for operation in document["operations"].values():
        verb = f"server {operation['action']}s"
        for message in operation["messages"]:
            schema = document["components"]["schemas"][message["$ref"].rpartition("/")[2]]
            kind = schema["properties"]["type"]["const"]
            yield from (f"{verb} {kind} with {name}" for name in schema["properties"])
            if operation["action"] == "receive":
                yield from (f"{verb} {kind} only with {name}" for name in schema["required"])


if __name__ == "__main__":
    FILE.write_text("".join(f"{name}\n" for name in sorted(set(stable_names()))), encoding="utf-8")
