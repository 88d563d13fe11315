"""Looking up header fields: names are in lower case, a name may come on several lines."""

from collections.abc import Iterator

Headers = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, values as they came, in order."""


def values(headers: Headers, name: bytes) -> list[bytes]:
    """Every value of a field, in the order of its lines; ``name`` is in lower case."""
    return [value for field_name, value in headers if field_name == name]


def only(headers: Headers, name: bytes) -> bytes | None:
    """The value of a field that came once; None where it is missing or came more often."""
    found = values(headers, name)
    return found[0] if len(found) == 1 else None


def joined(headers: Headers, name: bytes) -> bytes:
    """All lines of a field as the one list they stand for (RFC 9110 section 5.3)."""
    return b",".join(values(headers, name))


def tokens(headers: Headers, name: bytes) -> Iterator[bytes]:
    """The members of a field that is a list of tokens, in lower case, blank ones left out."""
    for member in joined(headers, name).split(b","):
        if token := member.strip(b" \t").lower():
            yield token
