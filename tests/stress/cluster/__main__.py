"""Run a cluster trial and print its figures: ``python -m tests.stress.cluster``."""

import argparse
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.stress.cluster import broken
from tests.stress.cluster.trial import Plan, trial
from tests.stress.torture.__main__ import LOSSY
from tests.support import postgres, redis
from tests.support.process import TRIO_CHAT

BROKEN = {"deaf": broken.program("deaf"), "forgetful": broken.program("forgetful"), "lossy": LOSSY}


def warnings_in(file: Path) -> list[str]:
    """Return the log lines of a node above the level info."""
    lines = file.read_text(errors="replace").splitlines()
    return [line for line in lines if '"level": "info"' not in line]


def main() -> int:
    """Run one trial; return 1 if it broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.cluster", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--duration", type=float, default=Plan(0).seconds, metavar="SECONDS")
    parser.add_argument("--clients", type=int, default=Plan(0).clients)
    parser.add_argument("--broken", choices=sorted(BROKEN), help="break all nodes on purpose")
    options = parser.parse_args()
    plan = Plan(options.seed, options.duration, options.clients)
    program = BROKEN.get(options.broken, TRIO_CHAT)
    print(f"seed {plan.seed}, {plan.clients} clients, {plan.seconds:g} s of faults", flush=True)
    began = time.monotonic()
    with (
        TemporaryDirectory() as folder,
        postgres.running() as cluster,
        redis.running() as backplane,
    ):
        verdict = trio.run(trial, plan, cluster, backplane, Path(folder), program)
        print(verdict)
        print(f"{time.monotonic() - began:.0f} s")
        if not verdict.is_clean:
            for file in sorted(Path(folder).iterdir()):
                print(f"--- {file.name}", *warnings_in(file)[-20:], sep="\n")
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
