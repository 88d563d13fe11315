"""Fuzzes one target, guided by coverage: ``python -m tests.stress.fuzz.guided TARGET SECONDS […]``.

atheris mutates the seeds, and keeps inputs that take a new branch in our code. An input that makes
the target raise ends the run, with the traceback and the input as base64; add it to the seeds.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trio_chat"]):
    from tests.stress.fuzz.seeds import SEEDS
    from tests.stress.fuzz.targets import TARGETS

LONGEST_BYTES = 1024
"""The longest input; the seeds contain longer ones."""


def main() -> None:
    """Search; libFuzzer ends the process, with 0 without a finding."""
    name, seconds, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS[name]):
            Path(folder, str(number)).write_bytes(seed)
        libfuzzer = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_BYTES}",
            "-print_final_stats=1",
        ]
        atheris.Setup(
            [sys.argv[0], *libfuzzer, f"-artifact_prefix={folder}/", *options, folder],
            TARGETS[name],
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
