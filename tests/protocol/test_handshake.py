from trio_chat.protocol.handshake import Upgrade


def test_repr_of_an_upgrade_hides_secrets() -> None:
    upgrade = Upgrade("/ws", b"X-Secret: secret", b"secret", "192.0.2.7", "192.0.2.7:50123")
    assert "secret" not in repr(upgrade)
    assert "192.0.2.7:50123" in repr(upgrade)
