import pytest

from trio_chat.client.errors import ChatRefusedError
from trio_chat.client.retry import (
    FIRST_SECONDS,
    LONGEST_SECONDS,
    STABLE_SECONDS,
    Ending,
    Retry,
    closed,
    refused,
)
from trio_chat.protocol.close_codes import DO_NOT_COME_BACK, CloseCode

BROKEN = Ending("The connection broke")


def test_waits_double_up_to_a_limit_and_are_random_in_their_upper_half() -> None:
    retry = Retry()
    waits = [retry.wait_seconds(BROKEN, 0.0) for _ in range(2000)]
    assert waits[:3] == [FIRST_SECONDS / 2, FIRST_SECONDS, FIRST_SECONDS * 2]
    assert waits[-1] == LONGEST_SECONDS / 2
    assert Retry().wait_seconds(BROKEN, 0.5) == FIRST_SECONDS * 0.75


def test_a_stable_connection_resets_the_waits() -> None:
    retry = Retry()
    for _ in range(3):
        retry.wait_seconds(BROKEN, 0.0)
    brief = Ending("", lasted_seconds=STABLE_SECONDS / 2)
    assert retry.wait_seconds(brief, 0.0) == FIRST_SECONDS * 4
    assert retry.wait_seconds(Ending("", lasted_seconds=STABLE_SECONDS), 0.0) == FIRST_SECONDS / 2


def test_waits_after_a_restart_are_short() -> None:
    retry = Retry()
    restart = closed(CloseCode.RESTART, None, is_restart=False)
    assert retry.wait_seconds(restart, 0.25) < FIRST_SECONDS / 2
    for _ in range(4):
        assert FIRST_SECONDS / 2 < retry.wait_seconds(restart, 0.25) <= FIRST_SECONDS


def test_an_announced_restart_may_lack_a_close_frame() -> None:
    assert closed(1006, None, is_restart=True).is_restart


@pytest.mark.parametrize("code", DO_NOT_COME_BACK)
def test_a_final_close_code_raises(code: int) -> None:
    with pytest.raises(ChatRefusedError, match="because") as refusal:
        Retry().wait_seconds(closed(code, "because", is_restart=False), 0.0)
    assert refusal.value.code == code


@pytest.mark.parametrize("code", sorted(set(CloseCode) - DO_NOT_COME_BACK))
def test_client_reconnects_after_any_other_close_code(code: int) -> None:
    assert Retry().wait_seconds(closed(code, None, is_restart=False), 0.5) > 0


def test_an_ending_without_a_reason_has_the_meaning_of_its_code() -> None:
    ending = closed(CloseCode.TOO_SLOW, None, is_restart=False)
    assert ending == Ending("too slow: the send queue is full", CloseCode.TOO_SLOW)
    assert closed(1006, None, is_restart=False) == BROKEN


@pytest.mark.parametrize("status", [400, 401, 403, 404, 426, 301])
def test_a_permanent_refusal_raises(status: int) -> None:
    with pytest.raises(ChatRefusedError) as refusal:
        Retry().wait_seconds(refused(status, None), 0.0)
    assert refusal.value.code == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_client_retries_after_a_temporary_refusal(status: int) -> None:
    for retry_after in (None, "Fri, 31 Dec 1999 23:59:59 GMT", "-3", "", "1e9"):
        assert Retry().wait_seconds(refused(status, retry_after), 0.0) == FIRST_SECONDS / 2
    assert Retry().wait_seconds(refused(status, "40"), 0.0) == 40 + FIRST_SECONDS / 2


def test_a_source_of_tokens_may_be_refused_once_in_a_row() -> None:
    retry = Retry(has_fresh_tokens=True)
    for ending in (refused(401, None), BROKEN, refused(401, None)):
        retry.wait_seconds(ending, 0.0)
    with pytest.raises(ChatRefusedError):
        retry.wait_seconds(refused(401, None), 0.0)


def test_a_bad_certificate_raises_before_the_first_entry() -> None:
    bad = Ending("expired", is_mistake=True)
    with pytest.raises(ChatRefusedError, match=r"^expired$"):
        Retry().wait_seconds(bad, 0.0)
    retry = Retry()
    retry.wait_seconds(Ending("", lasted_seconds=1.0), 0.0)
    assert retry.wait_seconds(bad, 0.0) > 0
