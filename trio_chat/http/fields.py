"""Lookup of header fields: names are in lower case, and a field may have several lines."""

from collections.abc import Iterator

Headers = tuple[tuple[bytes, bytes], ...]
"""Names in lower case and raw values, in order."""


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Return every value of a field, in the order of its lines; ``name`` is in lower case."""
    return [value for field_name, value in headers if field_name == name]


def only(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a field with exactly one line; else None."""
    found = values(headers, name)
    return found[0] if len(found) == 1 else None


def joined(headers: Headers, name: bytes) -> bytes:
    """Return all lines of a field as one list (RFC 9110 section 5.3)."""
    return b",".join(values(headers, name))


def tokens(headers: Headers, name: bytes) -> Iterator[bytes]:
    """Yield the non-empty members of a list of tokens, in lower case."""
    for member in joined(headers, name).split(b","):
        if token := member.strip(b" \t").lower():
            yield token
