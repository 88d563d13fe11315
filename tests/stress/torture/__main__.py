"""Run the torture test and print its figures: ``python -m tests.stress.torture``."""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.stress.torture.trial import Plan, torture
from tests.support import postgres
from tests.support.process import TRIO_CHAT

LOSSY = ("-m", "tests.stress.torture.lossy")


@contextmanager
def temporary_store(kind: str, folder: Path) -> Iterator[str]:
    """Yield a store for `--store`: a file in the folder, or a database in a new cluster."""
    if kind == "sqlite":
        yield f"sqlite:{folder}/chat.db"
    else:
        with postgres.running() as cluster:
            yield cluster.fresh_url()


def main() -> int:
    """Run one trial; return 1 if it broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--broken", action="store_true", help="lose messages on purpose")
    options = parser.parse_args()
    replacements = options.kills // 5 if options.store == "sqlite" else 0
    plan = Plan(options.seed, options.clients, options.kills, replacements=replacements)
    program = LOSSY if options.broken else TRIO_CHAT
    print(f"seed {plan.seed}, {options.store}, {plan.clients} clients", flush=True)
    with TemporaryDirectory() as folder, temporary_store(options.store, Path(folder)) as store:
        began = time.monotonic()
        stderr = Path(folder, "stderr")
        verdict = trio.run(torture, plan, store, stderr, program)
        print(verdict)
        print(f"{time.monotonic() - began:.0f} s")
        if not verdict.is_clean:
            print(stderr.read_text(errors="replace")[-5000:])
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
