"""``trio-chat new-epoch``: give the store's history a new identity, after a restore."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from trio_chat.cli.lines import standard_streams
from trio_chat.cli.logs import configure
from trio_chat.cli.sources import with_secrets
from trio_chat.errors import Outage, StartError
from trio_chat.settings import Settings

_DEFAULTS = Settings()

_SQLITE: Final = "sqlite:"


def new_epoch(
    *,
    config: Annotated[Path | None, Parameter(help="TOML file with settings.")] = None,
    settings: Annotated[Settings, Parameter(name="*", show=False)] = _DEFAULTS,
) -> int:
    """Tell all clients that the log was restored.

    Run it after you have put a backup in place of the log (--log, or the same
    settings as the server). The log gets a new epoch, so no client resumes after
    messages that the backup lacks. No message changes. Stop the server first; nodes that
    share a PostgreSQL database may run, and take the epoch within 10 s.
    """
    del config
    with standard_streams() as streams:
        configure(settings.log_format, settings.log_level, streams.stderr)
        # Only here, as in `serve`.
        import trio  # noqa: PLC0415

        url = with_secrets(settings).store
        _refuse_nothing(url)
        epoch = trio.run(take_new_epoch, url)
        streams.stdout.write(f"The store has the epoch {epoch}\n")
    return 0


def _refuse_nothing(url: str) -> None:
    if url == "memory:":
        raise StartError("a store in memory gets a new epoch at each start")
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise StartError(f"no store at {url}")


async def take_new_epoch(url: str) -> str:
    """Open a store, and give it a new epoch.

    Raises:
        StartError: A server has it for itself, or it cannot be opened or written.
    """
    from trio_chat.store.sql.opened import open_sql_store  # noqa: PLC0415

    # Nodes may share a database, but not with a server that has it for itself.
    async with open_sql_store(url, exclusive=url.startswith(_SQLITE)) as store:
        try:
            return await store.take_new_epoch(store.epoch)
        except Outage as outage:
            raise StartError(f"the store has no new epoch: {outage}") from outage
