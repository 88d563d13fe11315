"""Bad input gets an answer and disturbs no other client."""

import itertools

import pytest

from tests.support.client import has_left
from tests.support.server import ChatServer

from .inputs_frames import FRAMES
from .inputs_http import HTTP
from .inputs_texts import TEXTS
from .scene import BadInput, Scene
from .witness import ROUND_TRIP_SECONDS, Bystander, Watched

SETTINGS = (
    *("--upgrade-rate", "0"),  # all of these inputs come from one address
    *("--message-rate", "40"),  # what the bystander says to itself
    *("--hello-timeout", "1"),  # instead of 10 s
)

NUMBER = itertools.count(1)


@pytest.mark.parametrize("bad_input", HTTP + TEXTS + FRAMES, ids=lambda each: each.name)
def test_bad_input_gets_an_answer_and_disturbs_no_bystander(
    bad_input: BadInput, server: ChatServer, bystander: Bystander
) -> None:
    scene = Scene(server.address, f"culprit{next(NUMBER)}")
    open_files, logged = server.open_files(), len(server.log_lines)
    try:
        with bystander.watching() as watched:
            bad_input.run(scene)
            scene.close()
            if bad_input.joins:
                bystander.wait_for(has_left(scene.name), since=watched.since)
    finally:
        scene.close()
    server.wait_for_open_files(open_files)
    server.assert_healthy(since=logged)
    assert_only_ordinary_events(watched, bad_input, scene.name)
    assert watched.slowest < ROUND_TRIP_SECONDS


def test_the_bystander_missed_no_message(bystander: Bystander) -> None:
    bystander.wait_for_round_trip()
    seqs = [event["seq"] for event in bystander.events if "seq" in event]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert bystander.end is None


def assert_only_ordinary_events(watched: Watched, bad_input: BadInput, name: str) -> None:
    """Assert that a bystander received joins, messages and leaves, and nothing else."""
    notices = [event["message"] for event in watched.of_type("system")]
    assert notices == (
        [f"{name} has joined the chat", f"{name} has left the chat"] if bad_input.joins else []
    )
    messages = watched.of_type("message")
    assert {event["username"] for event in messages} <= {name}
    texts = tuple(event["message"] for event in messages)
    assert texts == bad_input.texts or set(texts) <= {bad_input.may_appear}
    assert not watched.of_type("typing")
