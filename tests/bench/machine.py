"""What a benchmark ran on, and tables in markdown."""

import os
import platform
import re
import shutil
import sqlite3
import ssl
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

PROGRAMS = (
    ("go", "version", "Go"),
    ("pgbench", "--version", "PostgreSQL"),
    ("redis-server", "--version", "Redis"),
    ("nats-server", "--version", "NATS"),
)


def machine() -> str:
    """One line on what all this ran on."""
    packages = ("trio", "trio-websocket", "wsproto", "picows", "websockets", "uvloop")
    # It is worth a fifth: servers in Python lose beside Go when built without.
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "optimized" if optimized else "not optimized"
    versions = [
        f"Python {platform.python_version()} ({build})",
        *(f"{name} {version(name)}" for name in packages),
    ]
    versions += [f"SQLite {sqlite3.sqlite_version}", ssl.OPENSSL_VERSION.partition("  ")[0]]
    versions += [found for command in PROGRAMS if (found := _version(*command)) is not None]
    cores = f"{os.cpu_count()} cores ({_processor()})"
    return f"{cores}, Linux {platform.release()}, {', '.join(versions)}"


def _version(name: str, option: str, prefix: str) -> str | None:
    """Return the version of a program; None without the program."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    program = shutil.which(name, path=path)
    if program is None:
        return None
    printed = subprocess.run([program, option], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", printed)
    return f"{prefix} {found[0]}" if found else None


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def markdown(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
