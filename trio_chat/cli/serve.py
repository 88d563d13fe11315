"""``trio-chat`` without a command: serve."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trio_chat.cli.logs import configure
from trio_chat.cli.sources import with_secrets
from trio_chat.settings import Settings

_DEFAULTS = Settings()


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
    configure(settings.log_format, settings.log_level)
    # Only here: --help needs no event loop, and is twice as quick without.
    from trio_chat import server  # noqa: PLC0415

    return server.run(with_secrets(settings))
