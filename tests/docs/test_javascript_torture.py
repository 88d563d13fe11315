"""The JavaScript of the guide against a server that is killed: the promises hold for its users."""

from pathlib import Path

from tests.e2e.server import ChatServer
from tests.ports import free_port

from .node import NodeClient, node_client

KILLS = 10
STORED_BETWEEN_KILLS = 7
"""Fewer than a burst: at default limits a second kill need not wait for the rate."""

TEXTS = tuple(f"text {number}" for number in range(KILLS * STORED_BETWEEN_KILLS + 10))


def logged(client: NodeClient) -> list[tuple[int, str]]:
    return [(event["seq"], event["message"]) for event in client.events if "seq" in event]


def test_ten_kills_lose_double_and_reorder_nothing_at_default_limits(tmp_path: Path) -> None:
    # It is forked: ten starts from nothing would take most of the time.
    server = ChatServer(tmp_path / "stderr", f"--store=sqlite:{tmp_path / 'chat.db'}")
    server._port = free_port()
    with (
        server,
        node_client(tmp_path, server.socket_url, "bob") as reader,
        node_client(tmp_path, server.socket_url, "ann", TEXTS) as writer,
    ):
        for kill in range(1, KILLS + 1):
            writer.until(lambda: len(writer.stored) >= kill * STORED_BETWEEN_KILLS)  # noqa: B023 - called at once
            server.kill()
            server.start()
        writer.until(lambda: len(writer.stored) == len(TEXTS))
        writer.until(lambda: len(writer.messages()) >= len(TEXTS))
        reader.until(lambda: len(reader.messages()) >= len(TEXTS))
    assert tuple(writer.stored) == TEXTS
    assert reader.messages() == writer.messages() == list(TEXTS)
    for client in (reader, writer):
        seqs = [seq for seq, _ in logged(client)]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert not client.refused
    by_text = {text: seq for seq, text in logged(reader)}
    assert writer.stored == {text: by_text[text] for text in TEXTS}
