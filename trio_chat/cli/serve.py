"""``trio-chat`` without a command: serve."""

from typing import TYPE_CHECKING, Annotated

import structlog
from cyclopts import Parameter

from trio_chat.cli.flags import settings_with_groups
from trio_chat.cli.lines import standard_streams
from trio_chat.cli.logs import configure, failures_as_lines
from trio_chat.cli.sources import ConfigFile, with_secrets
from trio_chat.settings import Settings

if not TYPE_CHECKING:
    Settings = settings_with_groups()

_DEFAULTS = Settings()

_logger = structlog.get_logger(__name__)

# Python's own exit status after an exception.
FAILED = 1


def serve(
    *,
    config: ConfigFile = None,
    settings: Annotated[Settings, Parameter(name="*")] = _DEFAULTS,
) -> int:
    """Serve a chat until SIGINT or SIGTERM.

    Each setting is a flag (--ping-interval 20), an environment variable
    (TRIO_CHAT_PING_INTERVAL=20; spaces separate several values), and a key in
    the TOML file (ping-interval = 20). A flag overrides the environment, and
    the environment overrides the file.
    """
    del config
    with standard_streams() as streams, failures_as_lines(streams.stderr):
        configure(settings.log_format, settings.log_level, streams.stderr)
        # Imported late: --help needs no event loop, and is twice as fast without one.
        from trio_chat import server  # noqa: PLC0415

        try:
            return server.run(
                with_secrets(settings),
                say=streams.stdout.write,
                dropped_lines=lambda: streams.stderr.dropped,
            )
        except ExceptionGroup:
            # A bug ended the root nursery. Python's own traceback could block on stderr.
            _logger.critical("server failed", exc_info=True)
            return FAILED
