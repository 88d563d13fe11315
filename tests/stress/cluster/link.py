"""The line between a node and Redis, which can be cut, or go silent."""

import socket
import threading
from contextlib import suppress

from tests.support.ports import HOST

_CHUNK_BYTES = 65_536


class Link:
    """A TCP proxy on a free port of 127.0.0.1, with threads of its own. To be closed.

    Args:
        target: The port to which it leads.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._passes = threading.Event()
        self._passes.set()
        self._is_cut = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and any new one at once."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _end(end)
        self._passes.set()

    def stall(self) -> None:
        """Hold back all that is sent, both ways; new connections are made, and get nothing."""
        self._passes.clear()

    def mend(self) -> None:
        """Pass on again, first of all what was held back."""
        with self._lock:
            self._is_cut = False
        self._passes.set()

    def close(self) -> None:
        """End it for good."""
        # Or the thread that accepts would go on in its call.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection((HOST, self._target))
        except OSError:
            near.close()
            return
        for end in (near, far):
            # Nagle's algorithm would hold back a short message until the last one is acknowledged.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with near, far:
            if not self._note(near, far):
                return
            back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
            back.start()
            self._pass(near, far)
            back.join()
            with self._lock:
                self._open -= {near, far}

    def _note(self, *ends: socket.socket) -> bool:
        """Have these ends cut when all are; False if they are to be cut now."""
        with self._lock:
            if self._is_cut:
                return False
            self._open |= set(ends)
            return True

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                self._passes.wait()
                sink.sendall(data)
        # The other direction is to end too.
        for end in (source, sink):
            _end(end)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
