"""A private nginx that runs the configuration files of docs/deploy."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define, frozen

from tests.support.certificates import CertificateFiles
from tests.support.daemon import Daemon, find_program
from tests.support.ports import HOST, free_port
from tests.support.raw import Address, SecureAddress
from tests.support.waiting import PATIENCE_SECONDS, eventually

SHIPPED = Path(__file__).parents[2] / "docs/deploy"
"""The folder of the configuration files for operators."""

# Settings that the shipped files leave to Debian's build.
_TEMPORARY = "\n".join(
    f"{kind}_temp_path {{folder}}/temporary/{kind};"
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)

_SERVING = b"nginx: worker process"


@frozen
class Shipped:
    """A file of docs/deploy, its path relative to nginx.conf, and texts that a test replaces."""

    name: str
    place: str
    here: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        return (SHIPPED / self.name).read_text()

    @property
    def text_here(self) -> str:
        text = self.text
        for theirs, ours in self.here:
            assert theirs in text, f"{self.name} does not say {theirs!r}"
            text = text.replace(theirs, ours)
        return text


@define(eq=False)
class Nginx(Daemon):
    """nginx in front of nodes; `reload` makes a change of them take effect."""

    folder: Path
    nodes: tuple[Address, ...]
    port: int
    secure_port: int
    certificate: CertificateFiles | None = None

    @property
    def address(self) -> Address:
        return HOST, self.port

    @property
    def secure_address(self) -> SecureAddress:
        return SecureAddress((HOST, self.secure_port))

    def url(self, path: str = "/ws") -> str:
        return f"ws://{HOST}:{self.port}{path}"

    @property
    def pid(self) -> int:
        return int((self.folder / "nginx.pid").read_text())

    @property
    def shipped(self) -> tuple[Shipped, ...]:
        stores = ("/var/log/nginx/", f"{self.folder}/log/")
        listen = ("    listen 80;", f"    listen {HOST}:{self.port};")
        main = Shipped("nginx-main.conf", "nginx.conf", (stores,))
        chat = Shipped("nginx.conf", "conf.d/trio-chat.conf", (stores, listen))
        if self.certificate is None:
            return main, chat
        here = (
            ("listen 443 ssl;", f"listen {HOST}:{self.secure_port} ssl;"),
            ("/etc/ssl/trio-chat/fullchain.pem", str(self.certificate.cert)),
            ("/etc/ssl/trio-chat/privkey.pem", str(self.certificate.key)),
        )
        return main, chat, Shipped("nginx-tls.conf", "trio-chat/tls.conf", here)

    @property
    def _command(self) -> tuple[str, ...]:
        here = f"daemon off; pid {self.folder}/nginx.pid;"
        where = ("-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))
        return (find_program("nginx", package="nginx"), *where, "-g", here)

    def access_log(self) -> list[str]:
        return (self.folder / "log/trio-chat.log").read_text().splitlines()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._write()
        self.run_process(self._command, self.folder / "log/start.log", folder=self.folder)
        eventually(self._listens, "nginx listens")

    def reload(self) -> None:
        """Read the configuration again, and wait until only new worker processes accept."""
        self._write()
        before = set(self._workers())
        os.kill(self.pid, signal.SIGHUP)

        def only_new_ones_serve() -> bool:
            serving = {pid for pid, title in self._workers().items() if title == _SERVING}
            return bool(serving) and not serving & before

        eventually(only_new_ones_serve, "nginx has new worker processes")

    def kill(self) -> None:
        """End all its processes at once, because workers survive their master."""
        if self.is_running:
            master = self.pid
            workers = self._workers()
            for pid in (master, *workers):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            eventually(lambda: not self._listens(), "nginx no longer listens")
            self.stop()

    def _write(self) -> None:
        for shipped in self.shipped:
            (self.folder / shipped.place).write_text(shipped.text_here)
        (self.folder / "trio-chat/nodes.conf").write_text(nodes_file(self.nodes))
        temporary = _TEMPORARY.format(folder=self.folder)
        (self.folder / "conf.d/temporary.conf").write_text(temporary)
        checked = subprocess.run([*self._command, "-t"], capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr.decode()

    def _listens(self) -> bool:
        try:
            socket.create_connection(self.address, PATIENCE_SECONDS).close()
        except ConnectionRefusedError:
            return False
        return True

    def _workers(self) -> dict[int, bytes]:
        """Return the title of each worker process by its process id."""
        workers = {}
        for pid in map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                workers[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ")
        return workers


def nodes_file(nodes: Iterable[Address]) -> str:
    """Return the shipped file of nodes with these nodes in place of its three."""
    text = (SHIPPED / "nginx-nodes.conf").read_text()
    here = tuple(nodes)

    def ours(theirs: re.Match[str]) -> str:
        return "".join(f"    server {host}:{port} {theirs[1]};\n" for host, port in here)

    return re.sub(r"(?:    server \S+:\d+ (.+);\n){3}", ours, text)


@contextmanager
def running(
    nodes: Iterable[Address], certificate: CertificateFiles | None = None
) -> Iterator[Nginx]:
    """Run nginx in front of these nodes in the block; then stop it and remove its files."""
    with TemporaryDirectory(prefix="trio-chat-nginx-") as name:
        folder = Path(name)
        # As root, it runs its worker processes as another user.
        folder.chmod(0o755)
        for part in ("conf.d", "trio-chat", "log", "temporary"):
            (folder / part).mkdir()
        nginx = Nginx(folder, tuple(nodes), free_port(), free_port(), certificate)
        try:
            nginx.start()
            yield nginx
        finally:
            nginx.stop()
