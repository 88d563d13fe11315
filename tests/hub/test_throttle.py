from trio_chat.hub.ephemeral import Throttle


def test_a_throttle_is_due_again_after_its_seconds() -> None:
    throttle = Throttle[str](1.0)
    assert throttle.is_due("a", 0.9)
    throttle.note("a", 1.0)
    throttle.note("b", 1.5)
    assert not throttle.is_due("a", 1.9)
    assert throttle.is_due("a", 2.0)
    assert not throttle.is_due("b", 2.0)
    throttle.note("b", 2.0)
    assert not throttle.is_due("b", 2.5)
    throttle.expire(3.0)
    assert len(throttle) == 0
