"""A private PgBouncer in front of the tests' PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.support.daemon import Daemon, find_program
from tests.support.ports import HOST, free_port
from tests.support.postgres import Cluster, other_user
from tests.support.waiting import eventually

_CONFIG = """
[databases]
* = host={host} port={server_port} user=chat password={password}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = {ignored}
server_round_robin = {round_robin:d}
"""


@contextmanager
def running(
    cluster: Cluster, url: str, *, mode: str, ignored: str = "options", round_robin: bool = False
) -> Iterator[str]:
    """Run one in the block; yield the URL of the same database through it.

    ``ignored`` are the parameters of a connection that it drops instead of refusing. With
    ``round_robin`` it prefers the server connection that was idle for longest.
    """
    program = find_program("pgbouncer", package="pgbouncer")
    port = free_port()
    through = url.replace(f":{cluster.port}/", f":{port}/")
    daemon = Daemon()
    with TemporaryDirectory(prefix="trio-chat-pgbouncer-") as folder:
        config = Path(folder, "pgbouncer.ini")
        config.write_text(
            _CONFIG.format(
                host=HOST,
                server_port=cluster.port,
                password=cluster.password,
                port=port,
                mode=mode,
                ignored=ignored,
                round_robin=round_robin,
            )
        )
        Path(folder).chmod(0o755)
        daemon.run_process(
            (program, str(config)), Path(folder, "log"), folder=Path(folder), user=other_user()
        )
        try:
            eventually(lambda: _answers(through), "PgBouncer answers")
            yield through
        finally:
            daemon.stop()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
