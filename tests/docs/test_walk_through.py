"""The pages for operators, walked through on a scratch machine: each command, in order.

What differs from a reader's machine is in `SUBSTITUTED`, in `tests/docs/walking`, and in `NOT_RUN`.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .commands import Block, command_blocks
from .pages import DOCS

PAGES = ("how-to/deploy.md", "how-to/operate.md")
WALKING = Path(__file__).with_name("walking")

FOREGROUND = "it runs until it is stopped; the unit of deploy.md starts the same program"

NOT_RUN = {
    "apt-get install --yes curl nginx openssl python3-venv": "CI has installed them",
    "apt-get install --yes postgresql redis-server": "CI has installed them",
    "trio-chat --config /etc/trio-chat.toml": FOREGROUND,
    "trio-chat --host 0.0.0.0 --port 8443 --tls-cert fullchain.pem --tls-key privkey.pem": (
        FOREGROUND
    ),
    "trio-chat --server-name chat.example.org": FOREGROUND,
    "trio-chat --trusted-proxy 127.0.0.1": FOREGROUND,
    'certbot certonly … --deploy-hook "systemctl reload trio-chat"': "there is no authority here",
}
"""Blocks, by their first line, that cannot run here, and why."""

SUBSTITUTED = {
    "python3 -m venv /opt/trio-chat": (
        "python3 -m venv --without-pip /opt/trio-chat && "
        f"install -m 755 {WALKING}/pip /opt/trio-chat/bin/pip"
    ),
}
"""Lines that are run in another form: pip would download 40 packages."""


def script(blocks: list[Block]) -> str:
    """Return what a reader pastes, block after block, with a line before each that names it."""
    lines = []
    for block in blocks:
        code = block.text
        for theirs, ours in SUBSTITUTED.items():
            code = code.replace(theirs, ours)
        lines += [f'echo "=== {block.page}:{block.line} at $SECONDS s"', code]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    """All of the pages, in order."""
    return [block for page in PAGES for block in command_blocks(page)]


def test_each_block_that_is_not_run_is_still_there(blocks: list[Block]) -> None:
    assert NOT_RUN.keys() - {block.first_line for block in blocks} == set()


@pytest.mark.timeout(300)  # it starts ten servers, one after another
def test_the_commands_of_the_pages_work_in_order(blocks: list[Block], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("it makes namespaces and mounts: only root may")
    stand_ins = tmp_path / "bin"
    shutil.copytree(WALKING, stand_ins)
    (stand_ins / "systemctl").chmod(0o755)
    (stand_ins / "python3").symlink_to(Path(sys.executable).resolve())
    walked = tmp_path / "walk.sh"
    walked.write_text(script([block for block in blocks if block.first_line not in NOT_RUN]))
    store = tmp_path / "walk.log"
    apart = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    with store.open("wb") as output:
        done = subprocess.run(
            [*apart, "bash", str(WALKING / "machine.sh"), str(stand_ins), str(walked)],
            cwd=DOCS.parent,
            env={**os.environ, "WALK_PACKAGES": sysconfig.get_path("purelib")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = store.read_text()
    assert done.returncode == 0, said[-8000:]
    # nginx passes the first node on, and each of three nodes is ready at first and once replaced.
    assert len(re.findall(r"^ready|ready$|readyready", said, re.MULTILINE)) >= 3
