"""One task that waits for all connections at rest, and the short way of an ordinary message.

Most packets of a chat are one short message to a small room. To wake the task that reads the
connection, and then the hub's, would cost more than all that is done with it. So a connection that
has nothing under way rests here: its reader waits for the watch, and the watch for all of them, by
one epoll. It reads each socket that has something, and offers it to the connection; what all of
them ask of the hub is dealt with in one turn, on the spot.

Whatever is out of the ordinary (a part of a message, a control frame, a hub that is busy, the end)
wakes the connection's own reader, which goes on from there as if it had read it itself. So does
whatever goes wrong: it is raised in the connection it belongs to, and not here.
"""

import select
import socket
from collections.abc import Callable
from typing import Final

import outcome
import trio
from attrs import frozen

from trio_chat.protocol.membership import PromptHub, Request

RECEIVE_BYTES: Final = 16 * 1024
"""A few hundred ordinary messages, and no large allocation for one small one."""

Take = Callable[[bytes, float, list[Request]], bool]
"""Deal with what came, and when, on Trio's clock, if that needs no waiting: True if done. What the
hub is to do about it has been added to the list. False if nothing has been done."""

_AT_ONCE: Final = 64
"""Connections that are looked at in one go: their messages fit into one turn of the hub, and
everybody else waits for a millisecond or two."""


@frozen(eq=False)
class _Resting:
    task: trio.lowlevel.Task
    receive: Callable[[int], bytes]
    take: Take


class Watch:
    """The connections at rest.

    Args:
        hub: Deals with what they ask.
    """

    def __init__(self, hub: PromptHub) -> None:
        self._hub = hub
        self._epoll = select.epoll()
        self._resting: dict[int, _Resting] = {}

    async def run(self) -> None:
        """Watch until cancelled. Who rests then is woken by nothing but a cancellation."""
        fd = self._epoll.fileno()
        while True:
            await trio.lowlevel.wait_readable(fd)
            self._look()

    def close(self) -> None:
        """Release what it waits with. Nobody may rest then, nor come to rest."""
        self._epoll.close()

    @property
    def is_of_use(self) -> bool:
        """Whether it could deal with anything, as things are: otherwise it is only a detour."""
        return self._hub.is_prompt()

    async def rest(self, sock: socket.socket, take: Take) -> bytes:
        """Rest until something has come that has to be dealt with by who rests.

        A cancellation loses nothing.

        Args:
            sock: Read by nobody else meanwhile.
            take: Offered what comes. What it raises is raised here.

        Returns:
            What came, not dealt with; empty at the end, whatever ended it.
        """
        fd = sock.fileno()
        self._resting[fd] = _Resting(trio.lowlevel.current_task(), sock.recv, take)
        self._epoll.register(fd, select.EPOLLIN)

        def abort(_: object) -> trio.lowlevel.Abort:
            self._rest_no_longer(fd)
            return trio.lowlevel.Abort.SUCCEEDED

        came: bytes = await trio.lowlevel.wait_task_rescheduled(abort)
        return came

    def _look(self) -> None:
        """See to every connection that has something. Sync: what the hub says of itself holds."""
        is_free = self._hub.is_free()
        now = trio.current_time()
        requests: list[Request] = []
        for fd, _ in self._epoll.poll(0, _AT_ONCE):
            resting = self._resting[fd]
            try:
                data = resting.receive(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if is_free:
                taken = outcome.capture(resting.take, data, now, requests)
                if type(taken) is outcome.Error:  # isinstance() of an ABC is a Python function
                    self._wake(fd, taken)
                    continue
                if taken.value:
                    continue
            self._wake(fd, outcome.Value(data))
        if requests:
            self._hub.turn_at_once(requests, now)

    def _wake(self, fd: int, result: outcome.Outcome[bytes]) -> None:
        trio.lowlevel.reschedule(self._rest_no_longer(fd).task, result)

    def _rest_no_longer(self, fd: int) -> _Resting:
        self._epoll.unregister(fd)
        return self._resting.pop(fd)
