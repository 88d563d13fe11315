"""Run cases and print the table: ``python -m tests.stress.autobahn [GROUP …]`` (default: all)."""

import sys

from tests.stress.autobahn.runner import run
from tests.stress.autobahn.verdicts import CASES, ERROR


def main() -> int:
    """Run them.

    Returns:
        1 if a case failed or is missing.
    """
    verdicts = run({group: CASES[group] for group in sys.argv[1:] or CASES})
    if unjudged := verdicts.with_behaviour(ERROR):
        again = run(
            dict.fromkeys(unjudged, 1), program=("-m", "tests.stress.autobahn.deflates_all")
        )
        verdicts = verdicts.amended(again)
    print(verdicts.table(), end="")
    if unjudged:
        print(f"Judged with every message compressed: {', '.join(unjudged)}.")
    return 0 if verdicts.are_good else 1


if __name__ == "__main__":
    sys.exit(main())
