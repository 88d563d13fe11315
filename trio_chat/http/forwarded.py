"""The address and scheme of a client behind a proxy (docs/reference/http.md).

Anybody can send ``X-Forwarded-For``. Each honest proxy appends the address of its peer. So this
module reads the list from the right, while a trusted proxy has written the entry.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from trio_chat.http.fields import Headers, joined, only

Address = IPv4Address | IPv6Address
Networks = Collection[IPv4Network | IPv6Network]

_MAX_HOPS: Final = 16
"""The maximum number of trusted proxies in a row; each costs 3 µs to parse."""


_FORWARDED: Final = re.compile(
    rb"^(x-forwarded-for|x-real-ip):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)


def client_address(peer_ip: str, headers: Headers, trusted_networks: Networks) -> str:
    """Return the client's address, for limits and for log lines.

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
    peer = _parse(peer_ip)
    if peer is None or not _is_trusted(peer, trusted_networks):
        return peer_ip
    headers = tuple((name.lower(), value) for name, value in _FORWARDED.findall(head))
    return client_address(peer_ip, headers, trusted_networks)


def connection_scheme(
    peer_ip: str, headers: Headers, trusted_networks: Networks, *, secure: bool
) -> str:
    """Return the client's scheme, ``https`` or ``http``, as the nearest trusted proxy reports it.

    Args:
        peer_ip: The socket's address.
        headers: The request's fields.
        trusted_networks: The networks of trusted proxies; from elsewhere ``X-Forwarded-Proto`` is
            ignored.
        secure: Whether the connection itself is encrypted.
    """
    own = "https" if secure else "http"
    peer = _parse(peer_ip)
    if peer is None or not _is_trusted(peer, trusted_networks):
        return own
    reported = joined(headers, b"x-forwarded-proto").rsplit(b",", 1)[-1].strip().lower()
    return {b"https": "https", b"wss": "https", b"http": "http", b"ws": "http"}.get(reported, own)


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
