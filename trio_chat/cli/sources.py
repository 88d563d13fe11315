"""The sources of settings besides flags: the environment and a TOML file.

Each function is a step of cyclopts' ``config`` chain. It adds values to the arguments, or refuses
the start. `Settings` checks values too; these steps check them first, because they know the source
of a value and can name it in the message.
"""

import os
import re
import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import App, ArgumentCollection, Parameter
from cyclopts.config import Dict

from trio_chat.errors import StartError
from trio_chat.settings import Settings, complaint_about, flag_name

ENV_PREFIX = "TRIO_CHAT_"

_FIELDS = {
    flag_name(field.name): field
    for field in attrs.fields(Settings)
    if not field.metadata["is_secret"]
}
_SECRETS = {
    flag_name(field.name).upper().replace("-", "_"): field
    for field in attrs.fields(Settings)
    if field.metadata["is_secret"]
}
_VARIABLES = {name.upper().replace("-", "_") for name in (*_FIELDS, "config")} | set(_SECRETS)

ConfigFile = Annotated[Path | None, Parameter(help="TOML file with settings.")]
"""Commands ignore it: `read_file` has read it already, as one of the sources of their settings."""

NO_SECRET = re.compile(rf"^(?!({'|'.join(field.name for field in _SECRETS.values())})$)")
"""Matches the fields that may be a flag."""


def refuse_unknown_variables(
    _app: App, _commands: tuple[str, ...], _arguments: ArgumentCollection
) -> None:
    """Refuse an environment with an unknown setting.

    Raises:
        StartError: A variable begins with ``TRIO_CHAT_`` and names no setting.
    """
    for variable in sorted(os.environ):
        name = variable.removeprefix(ENV_PREFIX)
        if name != variable and name not in _VARIABLES:
            raise StartError(
                f"unknown environment variable {variable}{_hint(name, _VARIABLES, ENV_PREFIX)}"
            )


def read_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill in the values from the file that ``--config`` names.

    Raises:
        StartError: The file is unreadable, not TOML, or has an unknown key or a bad value.
    """
    argument = arguments.get("--config")
    if not argument.tokens:
        return
    path = Path(argument.tokens[0].value)
    values = _load(path)
    for key, value in values.items():
        if key not in _FIELDS:
            raise StartError(f"{path}: unknown key {key!r}{_hint(key, _FIELDS)}")
        if isinstance(value, str) and isinstance(_FIELDS[key].default, tuple):
            values[key] = value = [value]  # noqa: PLW2901 - one is a list of one
        # TOML has types, so `port = "80"` is a mistake, unlike the text of a flag.
        _check(f"{path}: {key}", key, tuple(value) if isinstance(value, list) else value)
    Dict(values, source=str(path), use_commands_as_keys=False)(app, commands, arguments)


def refuse_bad_values(_app: App, _commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Check the values from flags and the environment, which are text.

    Cyclopts would read ``80.5`` as a whole number. This step must precede the file, whose values
    have types.

    Raises:
        StartError: A value does not fit its setting's type or bounds.
    """
    # `arguments.get` compares a name with each argument: for all settings that takes 50 ms.
    for argument in arguments:
        flag = argument.name.removeprefix("--")
        if flag not in _FIELDS or not argument.tokens:
            continue
        where = argument.tokens[0].keyword or argument.name
        texts = [token.value for token in argument.tokens]
        _check(where, flag, _read(_FIELDS[flag].default, texts))


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with the secrets, which come from the environment alone."""
    found: dict[str, Any] = attrs.asdict(settings, recurse=False) | {
        field.name: os.environ[ENV_PREFIX + name]
        for name, field in _SECRETS.items()
        if ENV_PREFIX + name in os.environ
    }
    return Settings(**found)


def _read(default: object, texts: list[str]) -> object:
    """Convert texts to the type of the default; the check refuses what cannot convert."""
    if isinstance(default, tuple):
        return tuple(texts)
    try:
        return type(default)(texts[0]) if isinstance(default, int | float) else texts[0]
    except ValueError:
        return texts[0]


def _check(where: str, flag: str, value: object) -> None:
    complaint = complaint_about(_FIELDS[flag], value)
    if complaint is not None:
        raise StartError(f"{where} {complaint}")


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # bad UTF-8 or bad TOML
        raise StartError(f"{path} is not valid TOML: {error}") from error


def _hint(word: str, known: Collection[str], prefix: str = "") -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
