"""The floor: a broadcaster in Python on bare epoll, with no framework, no care and no features.

What a server in Python can hardly go below: each turn it reads what is there, takes the frames
apart as far as its own clients need, and sends everybody the frames of the turn, joined, in one
call.

Run: ``python -m tests.bench.peers.floor``
"""

import base64
import hashlib
import select
import socket
import time
from dataclasses import dataclass

from tests.bench.peers.framing import Reader, text_frame

READ_BYTES = 65536
EVENTS_A_TURN = 1024
MAX_WAITING_BYTES = 1 << 20

BEFORE = len(b'{"type":"message","message":"')
AFTER = len(b'"}')


@dataclass(slots=True, eq=False)
class Member:
    """One client: not upgraded while `reader` is None, not in the room while `username` is None."""

    sock: socket.socket
    reader: Reader | None = None
    username: bytes | None = None
    waiting: bytes = b""


class Floor:
    """The server."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.settimeout(0)
        self._epoll = select.epoll()
        self._epoll.register(self.listener, select.EPOLLIN)
        self._clients: dict[int, Member] = {}
        self._room: dict[int, Member] = {}
        self._number = time.time_ns()

    def run(self) -> None:
        """Serve until killed."""
        while True:
            frames: list[bytes] = []
            for fd, event in self._epoll.poll(-1, EVENTS_A_TURN):
                if fd == self.listener.fileno():
                    self._accept()
                    continue
                client = self._clients[fd]
                if event & select.EPOLLOUT:
                    self._send(fd, client, b"")
                if event & ~select.EPOLLOUT and fd in self._clients:
                    self._read(fd, client, frames)
            if frames:
                joined = b"".join(frames)
                for fd, client in list(self._room.items()):
                    self._send(fd, client, joined)

    def _accept(self) -> None:
        sock, _ = self.listener.accept()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[sock.fileno()] = Member(sock)
        self._epoll.register(sock, select.EPOLLIN)

    def _read(self, fd: int, client: Member, frames: list[bytes]) -> None:
        try:
            data = client.sock.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._drop(fd, client)
        elif client.reader is None:
            client.reader = Reader()
            client.sock.send(upgrade_response(data))
        else:
            for payload in client.reader.payloads(data):
                if client.username is None:
                    self._enter(fd, client, payload)
                else:
                    frames.append(self._message(client.username, payload))

    def _enter(self, fd: int, client: Member, username: bytes) -> None:
        client.username = username
        self._room[fd] = client
        self._send(fd, client, text_frame(b'{"type":"presence","count":%d}' % len(self._room)))

    def _message(self, username: bytes, payload: bytes) -> bytes:
        self._number += 1
        return text_frame(
            b'{"id":"%d","type":"message","username":"%b","message":"%b","time":"%b"}'
            % (self._number, username, payload[BEFORE:-AFTER], time.strftime("%H:%M:%S").encode())
        )

    def _send(self, fd: int, client: Member, data: bytes) -> None:
        waited = client.waiting
        data = waited + data if waited else data
        try:
            sent = client.sock.send(data)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            self._drop(fd, client)
            return
        if sent == len(data) and not waited:
            return
        client.waiting = data[sent:]
        if len(client.waiting) > MAX_WAITING_BYTES:
            self._drop(fd, client)
        elif bool(client.waiting) != bool(waited):
            self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if client.waiting else 0))

    def _drop(self, fd: int, client: Member) -> None:
        del self._clients[fd]
        self._room.pop(fd, None)
        client.sock.close()


def upgrade_response(request: bytes) -> bytes:
    """The answer to an opening handshake that is taken for good (RFC 6455 section 4.2.2).

    Args:
        request: The whole head; the load generator sends it in one piece.
    """
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    digest = hashlib.sha1(
        key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False
    ).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


if __name__ == "__main__":
    floor = Floor()
    print(f"http://127.0.0.1:{floor.listener.getsockname()[1]}", flush=True)
    floor.run()
