"""The door: run the command line, and turn what went wrong into one line and an exit status.

Nothing heavy is imported here, so that Ctrl-C during the imports is caught as well.
"""

import signal
import sys
from collections.abc import Sequence

from trio_chat.cli.lines import lead_nowhere, open_missing_streams, say_on_stderr
from trio_chat.errors import StartError

# What a shell reports for a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130
# What getopt's programs exit with when they were called in a wrong way.
USAGE = 2
# Its output could not be written.
UNWRITTEN = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: What follows the program's name; by default the process's own.

    Returns:
        The exit status: 0 for done, 2 for a start that was refused, after one line on stderr.
    """
    # A hook or a closing terminal may send it before the server can heed it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    open_missing_streams()
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except StartError as problem:
        # A name or a path may hold line breaks; a refusal is one line whatever it is about.
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
    from trio_chat.cli.commands import run  # noqa: PLC0415 - see the head of this file

    return run(arguments)
