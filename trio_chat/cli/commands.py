"""The command line: its commands, the sources of settings, and the look of the help."""

from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError
from cyclopts.config import Env
from cyclopts.help import DefaultFormatter, PanelSpec
from rich import box

from trio_chat import __version__
from trio_chat.cli.new_epoch import new_epoch
from trio_chat.cli.serve import serve
from trio_chat.cli.sources import (
    ENV_PREFIX,
    NO_SECRET,
    read_file,
    refuse_bad_values,
    refuse_unknown_variables,
)
from trio_chat.cli.token import token
from trio_chat.errors import StartError
from trio_chat.settings import flag_name

app = App(
    name="trio-chat",
    version=__version__,
    default_command=serve,
    default_parameter=Parameter(
        name_transform=flag_name, parse=NO_SECRET, negative="", show_env_var=False
    ),
    # Strongest first: each source fills in the settings that the ones before it left open.
    config=(
        refuse_unknown_variables,
        Env(ENV_PREFIX, command=False, show=False),
        refuse_bad_values,
        read_file,
    ),
    help_format="plaintext",
    # Columns without frames: people pipe it into less and grep.
    help_formatter=DefaultFormatter(panel_spec=PanelSpec(box=box.SIMPLE_HEAD, padding=(0, 0))),
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    verbose=False,
    suppress_keyboard_interrupt=False,
)
app.command(token)
app.command(new_epoch)


def run(arguments: Sequence[str]) -> int:
    """Run a command, and return its exit status.

    Raises:
        StartError: The arguments, the environment or the file are wrong, or the start failed.
    """
    try:
        # --help and --version return nothing, and that is success.
        return app(arguments) or 0
    except UnusedCliTokensError as error:
        unknown = (error.unused_tokens or ["?"])[0]
        raise StartError(f"unknown argument {unknown!r}") from error
    except CycloptsError as error:
        raise StartError(str(error)) from error
