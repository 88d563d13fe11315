"""A proxy between a node and Redis that a test can cut or stall."""

import socket
import threading
from contextlib import suppress

from tests.support.ports import HOST

_CHUNK_BYTES = 65_536


class Link:
    """A TCP proxy on a free port of 127.0.0.1, with its own threads; the caller closes it.

    Args:
        target: The port of the service.
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
        """End all connections, and each new one at once."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _end(end)
        self._passes.set()

    def stall(self) -> None:
        """Hold back all bytes, both ways; new connections open and receive nothing."""
        self._passes.clear()

    def mend(self) -> None:
        """Forward again, beginning with the bytes held back."""
        with self._lock:
            self._is_cut = False
        self._passes.set()

    def close(self) -> None:
        """End it for good."""
        # Closing alone would leave the accepting thread in its call.
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
            # Otherwise Nagle's algorithm delays short messages.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with near, far:
            if not self._register(near, far):
                return
            back = threading.Thread(target=self._forward, args=(far, near), daemon=True)
            back.start()
            self._forward(near, far)
            back.join()
            with self._lock:
                self._open -= {near, far}

    def _register(self, *ends: socket.socket) -> bool:
        """Add these ends to the open ones; return False if the link is cut."""
        with self._lock:
            if self._is_cut:
                return False
            self._open |= set(ends)
            return True

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                self._passes.wait()
                sink.sendall(data)
        # End the other direction, too.
        for end in (source, sink):
            _end(end)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
