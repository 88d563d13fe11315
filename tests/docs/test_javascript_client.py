"""The rules of the guide, one by one, as its JavaScript follows them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import define

from .modelled import Frame, Modelled, modelled
from .node import NodeClient, node_client

TEXTS = tuple(f"text {number}" for number in range(8))

HURRIED = {500: 5, 1000: 10, 2000: 20}
"""The first waits before it comes back, each the shortest that may be."""


@pytest.fixture
def server() -> Iterator[Modelled]:
    with modelled() as it:
        yield it


def logged(server: Modelled) -> list[str]:
    return [event["message"] for event in server.model.stores["general"]]


def say_much(server: Modelled, count: int) -> None:
    for number in range(count):
        server.model.say("general", f"something {number}")


def seqs(client: NodeClient) -> list[int]:
    return [event["seq"] for event in client.events if "seq" in event]


@define
class Closing:
    """Closes at the first frames of a type.

    Attributes:
        kind: The type.
        code: What it closes with.
        count: How many frames.
        meanwhile: Called before the client can come back.
    """

    kind: str
    code: int
    count: int = 1
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, frame: Frame) -> int | None:
        """Give the code, or None."""
        if frame["type"] != self.kind or not self.count:
            return None
        self.count -= 1
        self.meanwhile()
        return self.code


def test_what_is_refused_for_now_is_held_back_and_keeps_its_place(
    server: Modelled, tmp_path: Path
) -> None:
    codes = ("rate_limited", "rate_limited", "unavailable")
    server.model.refuses.extend({"code": code, "retryAfterMs": 50} for code in codes)
    with node_client(tmp_path, server.url, say=TEXTS) as client:
        client.until(lambda: len(client.stored) == len(TEXTS))
    assert logged(server) == list(TEXTS)
    assert tuple(client.stored) == TEXTS


def test_the_limits_are_kept_over_a_break_too(server: Modelled, tmp_path: Path) -> None:
    burst, rate = 5, 50
    server.model.limits.update(burst=burst, ratePerSecond=rate)
    texts = tuple(map(str, range(16)))
    closing = Closing("message", 1001)
    came: list[float] = []

    def note(frame: Frame) -> int | None:
        if frame["type"] == "message":
            came.append(time.monotonic())
        return closing(frame)

    server.closes_with = note
    with node_client(tmp_path, server.url, say=texts, hurry=HURRIED) as client:
        client.until(lambda: len(client.stored) == len(texts))
    assert came[-1] - came[0] >= (len(came) - burst) / rate


def test_what_has_no_answer_is_sent_again_first_and_in_order(
    server: Modelled, tmp_path: Path
) -> None:
    server.closes_with = Closing("message", 1001)
    with node_client(tmp_path, server.url, say=TEXTS, hurry=HURRIED) as client:
        client.until(lambda: len(client.stored) == len(TEXTS))
    assert [frame["message"] for frame in server.received[-1][1:]] == list(TEXTS)


def test_a_message_that_would_end_each_connection_is_never_sent(
    server: Modelled, tmp_path: Path
) -> None:
    with node_client(tmp_path, server.url, say=("x" * 70_000, "short")) as client:
        client.until(lambda: bool(client.stored))
    assert list(client.refused.values()) == ["too_large"]
    assert logged(server) == ["short"]


def test_a_final_refusal_is_reported(server: Modelled, tmp_path: Path) -> None:
    server.model.refuses.append({"code": "forbidden"})
    with node_client(tmp_path, server.url, say=("one", "two")) as client:
        client.until(lambda: bool(client.stored))
    assert client.refused == {"one": "forbidden: no"}


@pytest.mark.parametrize(("code", "waits"), [(1001, [500, 500, 500]), (4005, [500, 1000, 2000])])
def test_only_after_4005_the_wait_grows_although_it_has_joined(
    server: Modelled, tmp_path: Path, code: int, waits: list[int]
) -> None:
    server.closes_with = Closing("message", code, 3)
    with node_client(tmp_path, server.url, say=("one",), hurry=HURRIED) as client:
        client.until(lambda: bool(client.stored))
    assert client.waits == waits


@pytest.mark.parametrize("code", [4500, 4501, 4504])
def test_a_refused_client_does_not_come_back(server: Modelled, tmp_path: Path, code: int) -> None:
    server.closes_with = Closing("hello", code)
    with node_client(tmp_path, server.url) as client:
        client.until(lambda: bool(client.ends))
    assert client.ends[0][0] == code


def test_more_than_a_joined_holds_is_read_page_by_page(server: Modelled, tmp_path: Path) -> None:
    server.model.newest, server.model.resume = 5, 3
    server.model.say("general", "before")
    server.closes_with = Closing("message", 1001, meanwhile=lambda: say_much(server, 250))
    with node_client(tmp_path, server.url, say=("one",), hurry=HURRIED) as client:
        client.until(lambda: len(seqs(client)) == 252)
    assert seqs(client) == list(range(1, 253))
    assert [event["isReset"] for event in client.events if event["type"] == "joined"] == [
        True,
        False,
    ]


def test_what_the_server_has_forgotten_is_passed_over(server: Modelled, tmp_path: Path) -> None:
    server.model.newest, server.model.resume, server.model.keep = 5, 3, 10
    server.model.say("general", "before")
    server.closes_with = Closing("message", 1001, meanwhile=lambda: say_much(server, 30))
    with node_client(tmp_path, server.url, say=("one",), hurry=HURRIED) as client:
        client.until(lambda: 31 in seqs(client))
    assert seqs(client)[:11] == [1, *range(22, 32)]


def test_another_history_begins_anew(server: Modelled, tmp_path: Path) -> None:
    say_much(server, 5)
    server.closes_with = Closing("message", 1001, meanwhile=server.model.begin_anew)
    with node_client(tmp_path, server.url, say=("one",), hurry=HURRIED) as client:
        client.until(lambda: "one" in client.messages())
    assert seqs(client) == [1, 2, 3, 4, 5, 1]
    assert [event["isReset"] for event in client.events if event["type"] == "joined"] == [
        True,
        True,
    ]


def test_a_connection_on_which_nothing_comes_is_given_up(server: Modelled, tmp_path: Path) -> None:
    def mute(frame: Frame) -> int | None:
        server.is_mute = frame["type"] == "message" and len(server.received) == 1
        return None

    server.closes_with = mute
    with node_client(tmp_path, server.url, say=("one",), hurry={**HURRIED, 150_000: 300}) as client:
        client.until(lambda: bool(client.stored))
    assert len(server.received) == 2
