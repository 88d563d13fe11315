"""Identifies the client of a request: its address, the origin of its page, and its token.

docs/reference/http.md lists the rules.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import parse_qsl

from trio_chat.http.request import Request, joined, members, only, values
from trio_chat.http.response import SEVERAL_TOKENS, Headers, bad_request
from trio_chat.protocol.handshake import Refusal

Address = IPv4Address | IPv6Address
Networks = Collection[IPv4Network | IPv6Network]

_MAX_HOPS: Final = 16
"""The maximum number of trusted proxies in a row; each costs 3 µs to parse."""

_FORWARDED: Final = re.compile(
    rb"^(x-forwarded-for|x-real-ip):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_SCHEMES: Final = {b"https": "https", b"wss": "https", b"http": "http", b"ws": "http"}

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[^/:?#@\[\]\s]+)(?::(?P<port>[0-9]+))?"
)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


# --- address and scheme behind a proxy -----------------------------------------------------------


def client_address(peer_ip: str, headers: Headers, trusted_networks: Networks) -> str:
    """Return the client's address, for limits and for log lines.

    Anybody can send ``X-Forwarded-For``. Each honest proxy appends the address of its peer. So only
    the entries from the right count, while a trusted proxy has written them.

    Args:
        peer_ip: The socket's address.
        headers: The request's fields.
        trusted_networks: The networks of trusted proxies.

    Returns:
        The socket's address; behind a trusted proxy the rightmost untrusted ``X-Forwarded-For``,
        else ``X-Real-IP``. At a malformed entry: the last address from a trusted proxy. IPv4 in
        IPv6 becomes IPv4.
    """
    peer = _parse(peer_ip)
    if peer is None:
        return peer_ip
    if not _is_trusted(peer, trusted_networks):
        return str(peer)
    last = peer
    # Entries beyond the last hop stay one piece with commas, which is malformed.
    for entry in reversed(joined(headers, b"x-forwarded-for").rsplit(b",", _MAX_HOPS)):
        if not entry.strip():
            continue
        hop = _parse_entry(entry)
        if hop is None:
            return str(last)
        if not _is_trusted(hop, trusted_networks):
            return str(hop)
        last = hop
    return str(_parse_entry(only(headers, b"x-real-ip") or b"") or last)


def address_of_head(peer_ip: str, head: bytes, trusted_networks: Networks) -> str:
    """Return the `client_address` of an unparsed head.

    Clients take turns in having heads parsed, so the address must be known before. Only heads of
    trusted proxies are searched; a malformed head counts for the peer.
    """
    if not _is_proxy(peer_ip, trusted_networks):
        return peer_ip
    headers = tuple((name.lower(), value) for name, value in _FORWARDED.findall(head))
    return client_address(peer_ip, headers, trusted_networks)


def connection_scheme(
    peer_ip: str, headers: Headers, trusted_networks: Networks, *, secure: bool
) -> str:
    """Return the client's scheme, ``https`` or ``http``.

    Args:
        peer_ip: The socket's address.
        headers: The request's fields; the nearest proxy's ``X-Forwarded-Proto`` counts.
        trusted_networks: The networks of trusted proxies.
        secure: Whether the connection itself is encrypted.
    """
    own = "https" if secure else "http"
    if not _is_proxy(peer_ip, trusted_networks):
        return own
    reported = joined(headers, b"x-forwarded-proto").rsplit(b",", 1)[-1]
    return _SCHEMES.get(reported.strip().lower(), own)


def _is_proxy(peer_ip: str, networks: Networks) -> bool:
    peer = _parse(peer_ip)
    return peer is not None and _is_trusted(peer, networks)


def _is_trusted(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=256)  # each upgrade parses the proxy's address twice
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _parse_entry(entry: bytes) -> Address | None:
    """Parse an address as proxies write it: bare, or with a port, IPv6 then in brackets."""
    text = entry.decode("latin-1").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    # A zone has no meaning outside its machine, and would make one address look like many.
    return None if "%" in text else _parse(text)


# --- origin --------------------------------------------------------------------------------------


def origin_allowed(
    origin: bytes | None,
    host: bytes,
    scheme: str,
    allowed: Collection[str],
    server_names: Collection[str] = (),
) -> bool:
    """Return whether a page of this origin may open a socket.

    Browsers let any page open a WebSocket to any host, with the host's cookies. The ``Origin``
    distinguishes our pages from others. Programs send none, and could send any. ``null`` is never
    allowed, not even by ``*``: any sandboxed frame sends it.

    Args:
        origin: The ``Origin`` field; None without one, which is allowed.
        host: The ``Host`` field, with or without a port.
        scheme: The client's scheme, ``http`` or ``https``.
        allowed: Further origins, e.g. ``https://chat.example.org``; ``*`` for any.
        server_names: The names of this server, in lower case, without a port; empty for any. A
            page under another name is foreign, even if the name resolves to this server: the owner
            of a name can arrange that (DNS rebinding), and ``Host`` then equals ``Origin``.
    """
    if origin is None:
        return True
    text = origin.decode("latin-1").lower()
    if text == "null":
        return False
    if "*" in allowed:
        return True
    theirs = _parse_origin(text)
    if theirs is None:
        return False
    own = _parse_origin(f"{scheme}://{host.decode('latin-1').lower().removesuffix(':')}")
    is_own = theirs == own and (not server_names or theirs[1] in server_names)
    return is_own or any(_parse_origin(entry.lower()) == theirs for entry in allowed)


def sharing_headers(headers: Headers, embed_origins: Collection[str]) -> Headers:
    """Return the fields that let pages of these origins read a response (CORS).

    The requests are simple ones, so browsers ask for no permission in advance.
    """
    if not embed_origins:
        return ()
    vary = (b"vary", b"origin")  # a cache must not give one origin the answer for another
    origin = only(headers, b"origin") or b""
    theirs = _parse_origin(origin.decode("latin-1"))
    if theirs is None or theirs not in map(_parse_origin, embed_origins):
        return (vary,)
    return (
        vary,
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"chat-auth"),
    )


def _parse_origin(origin: str) -> tuple[str, str, str] | None:
    """Return scheme, host and port; the port defaults to the scheme's."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match["scheme"], match["host"], match["port"]
    return scheme, host, port or _DEFAULT_PORTS.get(scheme, "")


# --- token ---------------------------------------------------------------------------------------


def find_token(request: Request) -> str | Refusal | None:
    """Return the token of a request; None without one; a refusal for several.

    Programs use ``Authorization: Bearer …``. A page cannot set that field on a WebSocket. It uses a
    subprotocol, ``bearer.…`` beside our own; or, as a last resort, the query ``?token=…``, since
    proxies log queries.

    Several tokens are refused even if they are equal (RFC 6750 section 2): a proxy may have checked
    another one than this server.
    """
    if not all(value.isascii() for value in values(request.headers, b"authorization")):
        return bad_request("the handshake's fields must be ASCII")
    found = list(_tokens(request))
    if len(found) > 1:
        return SEVERAL_TOKENS
    return found[0] if found else None


def _tokens(request: Request) -> Iterator[str]:
    for value in values(request.headers, b"authorization"):
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == b"bearer":  # other schemes may belong to a proxy
            yield token.strip(b" ").decode("ascii")
    for member in members(request.headers, b"sec-websocket-protocol"):
        if member.startswith(b"bearer."):
            yield member.removeprefix(b"bearer.").decode("ascii")
    query = request.query.decode("latin-1")
    for name, text in parse_qsl(query, keep_blank_values=True, encoding="latin-1"):
        if name == "token":
            yield text
