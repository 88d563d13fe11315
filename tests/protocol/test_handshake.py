from trio_chat.protocol.handshake import Refusal, Upgrade


def test_repr_of_an_upgrade_hides_secrets() -> None:
    upgrade = Upgrade(
        path="/ws",
        answer=b"HTTP/1.1 101 Switching Protocols\r\nX-Secret: secret",
        trailing=b"secret",
        address="192.0.2.7",
        peer="192.0.2.7:50123",
    )
    assert "secret" not in repr(upgrade)
    assert "192.0.2.7:50123" in repr(upgrade)


def test_refusal_has_no_headers_by_default() -> None:
    assert Refusal(404, "not_found", "There is nothing here").headers == ()
