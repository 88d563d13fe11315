"""The commands of the operator pages, run in order on a scratch machine.

`SUBSTITUTED`, `NOT_RUN` and the programs in `tests/docs/walking` are all that differs from the
machine of a reader.
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

PAGES = (
    *("install", "tls", "nginx", "several-nodes", "invite-your-team", "tokens", "upgrade"),
    *("backup", "monitor", "limits", "troubleshoot"),
)
"""In the order of a reader who goes through all of them."""

WALKING = Path(__file__).with_name("walking")

FOREGROUND = "it runs until a signal; the unit starts the same program"

NOT_RUN = {
    "apt-get install --yes curl nginx openssl python3-venv sqlite3": "CI has installed them",
    "apt-get install --yes postgresql redis-server": "CI has installed them",
    "trio-chat --host 0.0.0.0 --port 8443 --tls-cert fullchain.pem --tls-key privkey.pem": (
        FOREGROUND
    ),
    "trio-chat --server-name chat.example.org": FOREGROUND,
    'certbot certonly … --deploy-hook "systemctl reload trio-chat@8443"': (
        "the test has no certificate authority"
    ),
    "trio-chat --auth token --token-secret-file /etc/trio-chat/secret": FOREGROUND,
    "trio-chat --auth token --token-public-key-file /etc/trio-chat/public.pem": FOREGROUND,
    "trio-chat --auth token \\": FOREGROUND,
}
"""Blocks that cannot run here, by their first line, and the reason."""

SUBSTITUTED = {
    "python3 -m venv /opt/trio-chat": (
        "python3 -m venv --without-pip /opt/trio-chat && "
        f"install -m 755 {WALKING}/pip /opt/trio-chat/bin/pip"
    ),
}
"""Lines that run in another form: pip would download 40 packages."""


def script(blocks: list[Block]) -> str:
    """Return the text of the blocks, with a line before each that names it."""
    lines = []
    for block in blocks:
        code = block.text
        for theirs, ours in SUBSTITUTED.items():
            code = code.replace(theirs, ours)
        lines += [f'echo "=== {block.page}:{block.line} at $SECONDS s"', code]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    """Return the blocks of all pages, in order."""
    return [block for page in PAGES for block in command_blocks(f"how-to/{page}.md")]


def test_each_exception_names_a_block(blocks: list[Block]) -> None:
    assert NOT_RUN.keys() - {block.first_line for block in blocks} == set()


@pytest.mark.timeout(300)  # it starts ten servers, one after another
def test_the_commands_of_the_pages_work_in_order(blocks: list[Block], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("it makes namespaces and mounts, which only root may")
    stand_ins = tmp_path / "bin"
    shutil.copytree(WALKING, stand_ins)
    (stand_ins / "systemctl").chmod(0o755)
    (stand_ins / "python3").symlink_to(Path(sys.executable).resolve())
    walk = tmp_path / "walk.sh"
    walk.write_text(script([block for block in blocks if block.first_line not in NOT_RUN]))
    log = tmp_path / "walk.log"
    apart = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    with log.open("wb") as output:
        done = subprocess.run(
            [*apart, "bash", str(WALKING / "machine.sh"), str(stand_ins), str(walk)],
            cwd=DOCS.parent,
            env={**os.environ, "WALK_PACKAGES": sysconfig.get_path("purelib")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    printed = log.read_text()
    assert done.returncode == 0, printed[-8000:]
    # nginx passes the probe to the first node. Three nodes are ready, then replaced and restored.
    assert len(re.findall(r"^ready|ready$|readyready", printed, re.MULTILINE)) >= 3
