"""``trio-chat token``: print a new token, and nothing else."""

import re
import time
from typing import Annotated, Final

from cyclopts import Parameter

from trio_chat.cli.sources import ConfigFile, with_secrets
from trio_chat.errors import CommandError, StartError
from trio_chat.settings import Settings

_DEFAULTS = Settings()

_TTL: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def token(  # noqa: PLR0913 - each is a flag
    *,
    user: Annotated[str, Parameter(help="Name of the user.")],
    ttl: Annotated[str, Parameter(help="Lifetime: 90s, 15m, 1h, 30d.")] = "1h",
    private_key_file: Annotated[
        str, Parameter(help="PEM file with a private key that signs in place of the secret.")
    ] = "",
    kid: Annotated[str, Parameter(help="ID of the private key in the server's settings.")] = "",
    config: ConfigFile = None,
    settings: Annotated[Settings, Parameter(name="*", show=False)] = _DEFAULTS,
) -> int:
    """Print a token for a user.

    The command signs the token with the server's secret, from the same settings:
    TRIO_CHAT_TOKEN_SECRET, --token-secret-file or a TOML file. With
    --private-key-file it signs with the private key of one of the server's
    public keys. The token names --token-audience and --token-issuer.
    """
    del config
    # Imported late: they take a tenth of a second, and --help does without.
    from trio_chat.access import keys, tokens  # noqa: PLC0415

    ttl_seconds = _seconds(ttl)
    settings = with_secrets(settings)
    if kid and not private_key_file:
        raise StartError("--kid goes with --private-key-file: the secret has no name")
    key: tokens.Key[tokens.ToSign] = (
        keys.load_private_key(private_key_file, kid)
        if private_key_file
        else keys.load_secret(settings)
    )
    try:
        made = tokens.sign(
            key,
            user=user,
            now=time.time(),
            ttl_seconds=ttl_seconds,
            audience=settings.token_audience,
            issuer=settings.token_issuer,
        )
    except CommandError as error:
        raise StartError(f"--user: {error.message}") from error
    print(made)  # noqa: T201 - the output of the command
    return 0


def _seconds(ttl: str) -> int:
    match = _TTL.fullmatch(ttl)
    if match is None:
        raise StartError(f"--ttl must be a time like 90s, 15m, 1h or 30d, not {ttl!r}")
    return int(match[1]) * _UNIT_SECONDS[match[2]]
