"""Debian packages that the checks need: which are missing, and their installation through apt."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = {
    "chromium": "chromium",
    "curl": "curl",
    "initdb": "postgresql",
    "ip": "iproute2",
    "nginx": "nginx",
    "openssl": "openssl",
    "pgbouncer": "pgbouncer",
    "redis-server": "redis-server",
    "sqlite3": "sqlite3",
    "systemd-analyze": "systemd",
}
"""The package of each program that a test runs."""

HEADLESS = "chromium-headless-shell"
"""Chromium without windows. The tests of the pages take half the time with it."""


class NotInstalledError(Exception):
    """Packages are missing, and this process cannot install them. Its text says what to type."""


def _path() -> str:
    # A user's PATH often lacks the folders of servers, and never has those of PostgreSQL.
    databases = map(str, Path("/usr/lib/postgresql").glob("*/bin"))
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *databases])


def missing() -> list[str]:
    """Return the names of the packages whose program is not on this machine."""
    path = _path()
    return [
        package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None
    ]


def install(packages: Sequence[str]) -> None:
    """Install packages as root, through sudo if necessary.

    Args:
        packages: Their names, at least one.

    Raises:
        NotInstalledError: There is no apt, this process may not use it, or apt failed.
    """
    line = f"apt-get update && apt-get install --yes --no-install-recommends {' '.join(packages)}"
    error = NotInstalledError(f"Packages are missing. As root, type:\n{line}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    if not all(shutil.which(program) for program in (*root, "apt-get")):
        raise error
    print(f"installing {' '.join(packages)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = [*root, *(["env", "DEBIAN_FRONTEND=noninteractive"] if root else []), "apt-get", "-qq"]
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run([*apt, *command], env=quiet, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise error


def install_missing() -> None:
    """Install every package that a check needs; the headless browser only where apt offers it.

    Raises:
        NotInstalledError: As for `install`.
    """
    wanted = missing()
    if wanted:
        install(wanted)
    if shutil.which(HEADLESS) is None:
        try:
            install([HEADLESS])
        except NotInstalledError:
            print(f"no {HEADLESS}: the tests of the pages take twice as long", flush=True)
