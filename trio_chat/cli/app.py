"""Runs the command line, and turns a failure into one line and an exit status.

This module imports nothing heavy, so that it also handles Ctrl-C during the imports.
"""

import signal
import sys
from collections.abc import Sequence

from trio_chat.cli.lines import lead_nowhere, open_missing_streams, say_on_stderr
from trio_chat.errors import StartError

INTERRUPTED = 130  # 128 plus the number of SIGINT
USAGE = 2  # the usual status for wrong arguments
UNWRITTEN = 1  # the output could not be written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in the arguments, and return the exit status.

    Args:
        arguments: The arguments without the program's name; defaults to the process's own.

    Returns:
        0 on success; 2 for invalid arguments or settings, after one line on stderr.
    """
    # A hook or a closing terminal may send SIGHUP before the server handles it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    open_missing_streams()
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except StartError as problem:
        # A name or a path in the message may contain line breaks.
        say_on_stderr(f"trio-chat: {' '.join(str(problem).split())}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        lead_nowhere(sys.stdout.fileno())
        say_on_stderr(f"trio-chat: cannot write to stdout: {error.strerror}")
        return UNWRITTEN
    return status


def _run(arguments: Sequence[str]) -> int:
    from trio_chat.cli.commands import run  # noqa: PLC0415 - see the docstring of this module

    return run(arguments)
