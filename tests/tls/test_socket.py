"""TLS without an event loop: bytes sent, owed and received, and the end."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from attrs import frozen

from tests.tls.peer import TlsPeer, server_context
from trio_chat.errors import Owed
from trio_chat.tls.socket import PIECE_BYTES, RECEIVE_BYTES, TlsSocket


@frozen
class Ends:
    """Both ends of a connection."""

    server: TlsSocket
    peer: TlsPeer

    def receive_all(self) -> bytes:
        """Pay everything owed, and return all bytes that the client has received."""
        received = b""
        while True:
            is_paid = self.server.pay()
            try:
                received += self.peer.recv()
            except BlockingIOError:
                if is_paid:
                    return received


@contextmanager
def bare_ends() -> Iterator[Ends]:
    """Yield both ends before the handshake, with buffers as small as the kernel makes them."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        yield Ends(TlsSocket(ours, server_context()), TlsPeer(theirs))


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Both ends after the handshake."""
    with bare_ends() as ends:
        is_done = False
        while not (ends.peer.shake_hands() and is_done):
            with suppress(BlockingIOError):
                is_done = ends.server.shake_hands()
            ends.server.pay()
        yield ends


def owe(ends: Ends, data: bytes = bytes(PIECE_BYTES)) -> Owed:
    """Send until the socket does not accept all."""
    while True:
        try:
            ends.server.send(data)
        except Owed as owed:
            return owed


def test_nothing_is_encrypted_while_ciphertext_is_owed(ends: Ends) -> None:
    owed = owe(ends, b"x" * 1000)
    assert (owed.paid, owed.begun) == (0, 1000)
    with pytest.raises(BlockingIOError):
        ends.server.send(b"later")
    assert set(ends.receive_all()) == set(b"x")
    assert ends.server.send(b"later") == 5
    assert ends.peer.recv() == b"later"


def test_at_most_16_kib_of_a_large_piece_are_owed(ends: Ends) -> None:
    data = bytes(range(256)) * 1024
    owed = owe(ends, data)
    assert owed.begun == owed.paid + PIECE_BYTES < len(data)
    assert ends.receive_all() == data[: owed.begun]


def test_connections_share_a_buffer_without_mixing_bytes() -> None:
    with bare_ends() as ann, bare_ends() as bob, bare_ends() as eve:
        assert len({id(ends.server._outgoing) for ends in (ann, bob, eve)}) == 1
        done = [False, False]
        eve.peer.sock.send(b"no TLS")
        with pytest.raises(ssl.SSLError):
            eve.server.shake_hands()
        while not all(done):
            for number, ends in enumerate((ann, bob)):
                with suppress(BlockingIOError):
                    ends.peer.shake_hands()
                with suppress(BlockingIOError):
                    done[number] = done[number] or ends.server.shake_hands()
                ends.server.pay()
                assert not ends.server._outgoing.pending
        ann.server.send(b"for ann")
        bob.server.send(b"for bob")
        bob.server.end()
        assert (ann.peer.recv(), bob.receive_all()) == (b"for ann", b"for bob")


def test_send_raises_when_the_socket_fails(ends: Ends) -> None:
    ends.peer.close()
    with pytest.raises(BrokenPipeError):
        ends.server.send(b"x")


def test_an_incomplete_record_returns_nothing(ends: Ends) -> None:
    with pytest.raises(BlockingIOError):
        ends.server.receive()
    ciphertext = ends.peer.encrypt(b"hello")
    ends.peer.sock.send(ciphertext[:10])
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            ends.server.receive()
    ends.peer.sock.send(ciphertext[10:])
    assert (ends.server.receive(), ends.server.has_pending) == (b"hello", False)


def test_buffered_bytes_are_pending_and_received_together(ends: Ends) -> None:
    ends.peer.send(b"onetwo", b"three", b"four")
    assert (ends.server.receive(3), ends.server.has_pending) == (b"one", True)
    ends.peer.send(b"five")
    assert (ends.server.receive(), ends.server.has_pending) == (b"twothreefour", False)
    assert ends.server.receive() == b"five"


def test_half_a_record_behind_a_whole_one_is_not_pending(ends: Ends) -> None:
    ciphertext = ends.peer.encrypt(b"one", b"two")
    ends.peer.sock.send(ciphertext[:-1])
    assert (ends.server.receive(), ends.server.has_pending) == (b"one", False)
    with pytest.raises(BlockingIOError):
        ends.server.receive()
    ends.peer.sock.send(ciphertext[-1:])
    assert ends.server.receive() == b"two"


def test_one_call_receives_no_more_than_16_kib_and_reads_no_more_than_once(ends: Ends) -> None:
    data = bytes(range(256)) * 256
    ends.peer.send(data)
    received = b""
    while len(received) < len(data):
        with suppress(BlockingIOError):  # the read did not complete a record
            part = ends.server.receive()
            assert 0 < len(part) <= RECEIVE_BYTES
            received += part
    assert received == data


def test_bytes_after_close_notify_are_ignored(ends: Ends) -> None:
    ends.peer.sock.send(ends.peer.encrypt(b"last words") + ends.peer.end() + b"and garbage")
    assert ends.server.receive() == b"last words"
    for _ in range(2):
        assert (ends.server.receive(), ends.server.has_pending) == (b"", False)
    assert ends.server.send(b"goodbye") == 7
    assert ends.peer.recv() == b"goodbye"


@pytest.mark.parametrize("ends_in_order", [True, False], ids=["close_notify", "garbage"])
def test_an_end_with_data_is_pending_until_received(ends: Ends, *, ends_in_order: bool) -> None:
    ciphertext = ends.peer.encrypt(b"last words")
    ends.peer.sock.send(ciphertext + (ends.peer.end() if ends_in_order else bytes(100)))
    assert (ends.server.receive(), ends.server.has_pending) == (b"last words", True)
    assert (ends.server.receive(), ends.server.has_pending) == (b"", False)


def test_a_truncated_record_is_the_end(ends: Ends) -> None:
    ends.peer.sock.send(ends.peer.encrypt(b"one", b"two")[:-1])
    ends.peer.sock.shutdown(socket.SHUT_WR)
    assert [ends.server.receive(), ends.server.receive()] == [b"one", b""]


def test_a_reset_is_an_end(ends: Ends) -> None:
    ends.server.send(b"unread, so the peer's close is a reset")
    ends.peer.close()
    assert ends.server.receive() == b""


def test_a_forged_record_ends_with_an_alert(ends: Ends) -> None:
    ciphertext = ends.peer.encrypt(b"one", b"two")
    ends.peer.sock.send(ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]))
    assert [ends.server.receive(), ends.server.receive()] == [b"one", b""]
    with pytest.raises(ssl.SSLError, match=r"(?i)bad record mac"):
        ends.peer.recv()


def cause_alert(ends: Ends, alert: bytes, received: bytes = b"\x17") -> None:
    """Let OpenSSL write an alert while it reads, as when it refuses a renegotiation."""
    ends.server._outgoing.write(alert)
    ends.peer.sock.send(received)
    with suppress(BlockingIOError):
        assert ends.server.receive() == b""


def test_an_alert_is_sent_at_once(ends: Ends) -> None:
    cause_alert(ends, b"alert")
    assert ends.peer.sock.recv(100) == b"alert"


def test_an_alert_keeps_its_place_in_the_owed_bytes(ends: Ends) -> None:
    owe(ends, b"x" * 1000)
    cause_alert(ends, b"alert")
    with pytest.raises(BlockingIOError):
        ends.server.send(b"later")
    raw = b""
    while not raw.endswith(b"alert"):
        ends.server.pay()
        raw += ends.peer.sock.recv(1 << 20)


def test_a_client_that_reads_no_alerts_is_dropped(ends: Ends) -> None:
    owe(ends)
    record = ends.peer.encrypt(bytes(100))
    for number in range(30):
        cause_alert(ends, bytes(1000), record[number : number + 1])
        if number == 1:
            with pytest.raises(BlockingIOError):
                ends.server.receive()
    assert ends.server.receive() == b""


def test_an_alert_to_a_disconnected_client_is_an_end(ends: Ends) -> None:
    ends.peer.send(b"last words")
    ends.peer.close()
    ends.server._outgoing.write(b"alert")
    assert (ends.server.receive(), ends.server.has_pending) == (b"last words", True)
    assert (ends.server.receive(), ends.server.has_pending) == (b"", False)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05garbage", bytes(100)]
)
def test_bytes_that_are_not_tls_fail_the_handshake_with_an_alert(data: bytes) -> None:
    with bare_ends() as ends:
        ends.peer.sock.send(data)
        with pytest.raises(ssl.SSLError):
            ends.server.shake_hands()
        with suppress(BlockingIOError):
            assert ends.peer.sock.recv(1)[0] == 0x15  # an alert, unless OpenSSL sends none


def test_an_end_within_the_handshake_fails_it() -> None:
    with bare_ends() as ends:
        ends.peer.shake_hands()
        assert not ends.server.shake_hands()
        ends.peer.close()
        with pytest.raises(ConnectionResetError):
            ends.server.shake_hands()


def test_close_notify_follows_owed_bytes_once(ends: Ends) -> None:
    owe(ends, b"x" * 1000)
    for _ in range(2):
        ends.server.end()
    assert set(ends.receive_all()) == set(b"x")
    assert ends.peer.is_over


def test_no_close_notify_precedes_the_handshake() -> None:
    with bare_ends() as ends:
        ends.server.end()
        assert ends.server.pay()
        with pytest.raises(BlockingIOError):
            ends.peer.sock.recv(1)
