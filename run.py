"""Set up this checkout and run it, on a machine that has Python 3.11 and nothing else.

``python3 run.py server [FLAG …]`` installs the server into ``.venv`` and starts it.
``python3 run.py checks [ARGUMENT …]`` installs nox there and runs every check that CI runs; the
arguments go to nox.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from tools.packages import NotInstalledError, install

ROOT = Path(__file__).resolve().parent
PYTHON = ROOT / ".venv" / "bin" / "python"

INSTALLED = {
    "server": ("-c", f"{ROOT}/constraints.txt", f"{ROOT}[brotli]"),
    "checks": ("--require-hashes", "-r", f"{ROOT}/requirements/nox.txt"),
}
"""What pip installs for each command."""

STARTED = {
    "server": ("-m", "trio_chat"),
    "checks": ("-m", "nox", "--noxfile", f"{ROOT}/noxfile.py"),
}
"""What Python runs for each command."""


def make_environment() -> None:
    """Make ``.venv`` unless it exists.

    Debian packages the module that puts pip into an environment separately.

    Raises:
        NotInstalledError: The module is missing, and this process may not install it.
    """
    if importlib.util.find_spec("ensurepip") is None:
        install(["python3-venv"])
    if not PYTHON.exists():
        print(f"creating {PYTHON.parents[1]}", flush=True)
        # Another process: this one has already looked for ensurepip and may not find it now.
        subprocess.run([sys.executable, "-m", "venv", str(PYTHON.parents[1])], check=True)


def main(command: str = "", *arguments: str) -> NoReturn:
    """Install what the command needs and replace this process with it."""
    if command not in STARTED:
        sys.exit(__doc__)
    try:
        make_environment()
    except NotInstalledError as error:
        sys.exit(str(error))
    pip = (str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    installed = subprocess.run([*pip, *INSTALLED[command]], check=False)
    if installed.returncode:
        sys.exit(installed.returncode)
    os.execv(PYTHON, [str(PYTHON), *STARTED[command], *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
