"""``trio-chat`` without a command: serve."""

from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from trio_chat.cli.lines import standard_streams
from trio_chat.cli.logs import configure, failures_as_lines
from trio_chat.cli.sources import with_secrets
from trio_chat.settings import Settings

_DEFAULTS = Settings()

_logger = structlog.get_logger(__name__)

# What Python itself exits with after an exception.
FAILED = 1


def serve(
    *,
    config: Annotated[Path | None, Parameter(help="TOML file with settings.")] = None,
    settings: Annotated[Settings, Parameter(name="*")] = _DEFAULTS,
) -> int:
    """Serve a chat until SIGINT or SIGTERM.

    Each setting is a flag (--ping-interval 20), an environment variable
    (TRIO_CHAT_PING_INTERVAL=20; blanks between several values), and a key in
    the TOML file (ping-interval = 20). Flags win over the environment, and the
    environment wins over the file.
    """
    # By now the file has been read, as one of the sources of `settings`; see sources.py.
    del config
    with standard_streams() as streams, failures_as_lines(streams.stderr):
        configure(settings.log_format, settings.log_level, streams.stderr)
        # Only here: --help needs no event loop, and is twice as quick without.
        from trio_chat import server  # noqa: PLC0415

        try:
            return server.run(
                with_secrets(settings),
                say=streams.stdout.write,
                dropped_lines=lambda: streams.stderr.dropped,
            )
        except ExceptionGroup:
            # A fault of ours has ended the root nursery. Python's own traceback could block.
            _logger.critical("server failed", exc_info=True)
            return FAILED
