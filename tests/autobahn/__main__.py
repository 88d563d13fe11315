"""Run cases and print the table: ``python -m tests.autobahn [GROUP …]``, all groups by default."""

import sys

from tests.autobahn.runner import run
from tests.autobahn.verdicts import CASES, ERROR


def main() -> int:
    """Run them.

    Returns:
        1 if a case failed or is missing.
    """
    verdicts = run({group: CASES[group] for group in sys.argv[1:] or CASES})
    if unjudged := verdicts.with_behaviour(ERROR):
        again = run(dict.fromkeys(unjudged, 1), program=("-m", "tests.autobahn.deflates_all"))
        verdicts = verdicts.amended(again)
    print(verdicts.table(), end="")
    if unjudged:
        print(f"Judged with every message compressed: {', '.join(unjudged)}.")
    return 0 if verdicts.are_good else 1


if __name__ == "__main__":
    sys.exit(main())
