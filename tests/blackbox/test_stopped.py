"""A server that does not run for a while, and signals that come before it runs."""

import signal
import time

from tests.support.client import Chatter
from tests.support.server import ChatServer

STOPPED_SECONDS = 2.5


def test_a_server_that_was_suspended_keeps_its_clients() -> None:
    with ChatServer("--ping-interval", "0.5", "--pong-timeout", "2") as server:
        ann = Chatter(server.url(), "ann")
        ann.arrive()
        server.signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)  # that the server loses this time is the fact
        server.signal(signal.SIGCONT)
        ann.fence("still here")
        ann.leave()


def test_sighup_does_not_end_a_starting_server() -> None:
    hang_up = (
        "import os, signal, sys\n"
        "import trio_chat.cli.app as app\n"
        "run = app._run\n"
        "def hung_up(arguments):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    return run(arguments)\n"
        "app._run = hung_up\n"
        "sys.exit(app.main())"
    )
    with ChatServer(program=("-c", hang_up)) as server:
        server.assert_healthy()
