"""Checks of the values of settings: each returns None for a valid value, else the requirement."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from trio_chat.protocol.names import ROOM_SPELLING, is_room

# A C int: the widest size that setsockopt and every buffer below can take. As seconds, 68 years.
MAX_SIZE = 2**31 - 1

SERVER_NAME = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9._-]+")
CHANNEL = re.compile(r"[!-~]{1,64}")
ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://({SERVER_NAME.pattern})(:[0-9]{{1,5}})?")

Check = Callable[[Any], str | None]


def whole(least: int, most: int) -> Check:
    """Return a check for a whole number within bounds, both included."""

    def check(value: object) -> str | None:
        # bool is an int to Python; `port = true` is a mistake.
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return None
        return f"a whole number from {least} to {most}"

    return check


def _is_number(value: object) -> bool:
    # A comparison accepts integers of any length and rejects NaN.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SIZE


def seconds(value: Any) -> str | None:  # noqa: ANN401 - any value is checked
    """Check a positive number of seconds."""
    return (
        None
        if _is_number(value) and value > 0
        else f"a number of seconds above 0, at most {MAX_SIZE}"
    )


def rate(value: Any) -> str | None:  # noqa: ANN401 - any value is checked
    """Check a rate; 0 means no limit."""
    return None if _is_number(value) else f"a number from 0 (no limit) to {MAX_SIZE}"


def one_of(*choices: str) -> Check:
    """Return a check for one of a few words."""

    def check(value: object) -> str | None:
        return None if value in choices else f"one of {', '.join(choices)}"

    return check


def _is_host(text: object) -> bool:
    if not isinstance(text, str) or not text.isprintable() or " " in text:
        return False
    address = bare_host(text)
    return bool(address) and ("[" not in address and "]" not in address)


def hosts(value: object) -> str | None:
    """Check the addresses to listen on."""
    if isinstance(value, tuple) and value and all(map(_is_host, value)):
        return None
    return "a list of host names or IP addresses, at least one"


def bare_host(host: str) -> str:
    """Return the host without the brackets of an IPv6 address in a URL."""
    is_bracketed = host.startswith("[") and host.endswith("]") and ":" in host
    return host[1:-1] if is_bracketed else host


def room(value: object) -> str | None:
    """Check the name of a room."""
    return None if is_room(value) else ROOM_SPELLING


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def networks(value: object) -> str | None:
    """Check a list of networks."""
    if isinstance(value, tuple) and all(isinstance(one, str) and _is_network(one) for one in value):
        return None
    return "a list of IP addresses or networks like 10.0.0.0/8"


def _is_origin(text: str) -> bool:
    return text == "*" or ORIGIN.fullmatch(text) is not None


def origins(value: object) -> str | None:
    """Check a list of origins."""
    if isinstance(value, tuple) and all(isinstance(one, str) and _is_origin(one) for one in value):
        return None
    # Browsers send the origin in lower case and without a path; another spelling never matches.
    return "a list of origins like https://chat.example.org:8443 (lower case, no path), or *"


def named_origins(value: object) -> str | None:
    """Check a list of origins, each of them named."""
    if origins(value) is None and "*" not in cast("tuple[str, ...]", value):
        return None
    return "a list of origins like https://intranet.example.org (lower case, no path)"


def server_names(value: object) -> str | None:
    """Check a list of server names."""
    if isinstance(value, tuple) and all(
        isinstance(one, str) and SERVER_NAME.fullmatch(one) for one in value
    ):
        return None
    return "a list of names like chat.example.org (lower case, no port)"


def path(value: object) -> str | None:
    """Check the path of a file."""
    if isinstance(value, str) and "\0" not in value:
        return None
    return "a path, or empty for none"


def paths(value: object) -> str | None:
    """Check a list of paths, each with an optional key id."""
    if isinstance(value, tuple) and all(one and path(one) is None for one in value):
        return None
    return "a list of paths; several paths need KID= before each"


def _is_postgresql(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # One netloc may list several hosts, with or without ports; check each one.
        hosts = parts.netloc.rpartition("@")[2].split(",")
        # `port` raises ValueError for an invalid port.
        ports = [urlsplit(f"//{host}").port for host in hosts]
        return parts.scheme == "postgresql" and url.isprintable() and 0 not in ports
    except ValueError:
        return False


def store_url(value: object) -> str | None:
    """Check the URL of the store."""
    if isinstance(value, str) and "\0" not in value:
        scheme, _, rest = value.partition(":")
        # SQLAlchemy writes slashes after the colon; here they would become part of the path.
        if scheme == "sqlite" and rest and rest != ":memory:" and not rest.startswith("//"):
            return None
        if value == "memory:" or (rest.startswith("//") and _is_postgresql(value)):
            return None
    return "memory:, sqlite:PATH or postgresql://USER@HOST/DATABASE"


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False
    # Redis does not separate Pub/Sub by database: another number would promise a separation.
    return has_host and parts.path in {"", "/", "/0"} and not parts.fragment


def backplane(value: object) -> str | None:
    """Check the URL of the backplane."""
    if isinstance(value, str) and (
        value == "local:" or (value.startswith(("redis://", "rediss://")) and _is_redis(value))
    ):
        return None
    return "local:, redis://HOST:PORT or rediss://HOST:PORT, with no other database than /0"


def channel(value: object) -> str | None:
    """Check the name of a backplane channel."""
    if isinstance(value, str) and CHANNEL.fullmatch(value):
        return None
    return "a name of 1 to 64 ASCII characters without blanks"


def text(value: object) -> str | None:
    """Check any text."""
    return None if isinstance(value, str) else "a text, or empty for none"
