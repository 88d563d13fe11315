"""Who the client is when a proxy stands between (docs/reference/http.md).

Anybody can send ``X-Forwarded-For``. Each honest proxy appends the address it sees, so the list is
read from the right, and only for as long as the one who wrote the entry is a proxy of ours.
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
"""Proxies of ours in a row; nobody has so many, and each costs 3 µs to parse."""


_FORWARDED: Final = re.compile(
    rb"^(x-forwarded-for|x-real-ip):[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)


def client_address(peer_ip: str, headers: Headers, trusted_networks: Networks) -> str:
    """The client's address, for limits and for the store.

    Args:
        peer_ip: The socket's address.
        headers: The request's fields.
        trusted_networks: Where our proxies are.

    Returns:
        The socket's address; behind a trusted proxy the rightmost untrusted ``X-Forwarded-For``,
        else ``X-Real-IP``. What is forged or unreadable counts for nothing: then it is the last
        address that was said by somebody trusted. IPv4 in IPv6 is given as IPv4.
    """
    peer = _parse(peer_ip)
    if peer is None:
        return peer_ip
    if not _is_trusted(peer, trusted_networks):
        return str(peer)
    last = peer
    # What is beyond the last hop stays one piece, with commas, and so is unreadable.
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
    """The client's address as `client_address` gives it, of a head that nobody has parsed yet.

    Whose turn it is to have a head parsed has to be known before. Only a proxy of ours is believed,
    and only its heads are looked at; what is malformed has the address of the peer.
    """
    peer = _parse(peer_ip)
    if peer is None or not _is_trusted(peer, trusted_networks):
        return peer_ip
    said = tuple((name.lower(), value) for name, value in _FORWARDED.findall(head))
    return client_address(peer_ip, said, trusted_networks)


def connection_scheme(
    peer_ip: str, headers: Headers, trusted_networks: Networks, *, secure: bool
) -> str:
    """``https`` or ``http``: how the client came, as the nearest trusted proxy says.

    Args:
        peer_ip: The socket's address.
        headers: The request's fields.
        trusted_networks: Where our proxies are; from elsewhere ``X-Forwarded-Proto`` is ignored.
        secure: Whether the connection itself is encrypted.
    """
    own = "https" if secure else "http"
    peer = _parse(peer_ip)
    if peer is None or not _is_trusted(peer, trusted_networks):
        return own
    said = joined(headers, b"x-forwarded-proto").rsplit(b",", 1)[-1].strip().lower()
    return {b"https": "https", b"wss": "https", b"http": "http", b"ws": "http"}.get(said, own)


def _is_trusted(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=256)  # each upgrade asks twice, and behind a proxy it is always the same one
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _parse_entry(entry: bytes) -> Address | None:
    """One address as proxies write it: bare, or with a port, IPv6 then in brackets."""
    text = entry.decode("latin-1").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    # A zone says nothing outside its machine, and would make one address look like many.
    return None if "%" in text else _parse(text)
