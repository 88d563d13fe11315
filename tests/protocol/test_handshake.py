from trio_chat.protocol.handshake import Refusal, Upgrade


def test_an_upgrade_in_a_log_line_shows_nothing_that_may_hold_a_token() -> None:
    upgrade = Upgrade(
        path="/ws",
        answer=b"HTTP/1.1 101 Switching Protocols\r\nX-Secret: secret",
        trailing=b"secret",
        address="192.0.2.7",
        peer="192.0.2.7:50123",
    )
    assert "secret" not in repr(upgrade)
    assert "192.0.2.7:50123" in repr(upgrade)


def test_a_refusal_has_no_further_headers_unless_given() -> None:
    assert Refusal(404, "not_found", "There is nothing here").headers == ()
