"""Statements of SQLAlchemy, compiled once into the text that a driver takes.

Running a statement through SQLAlchemy takes several times as long as SQLite itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from sqlalchemy import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

_T = TypeVar("_T")

SIZES: Final = (64, 32, 16, 8, 4, 2, 1)
"""The numbers of rows or keys per statement: few statements serve any number of rows."""


def compiled(statement: ClauseElement, dialect: Dialect, *names: str) -> str:
    """Return the text of a statement with positional parameters.

    Args:
        statement: The statement; its constants are numbers.
        dialect: A dialect with question marks as parameters.
        names: The parameters, in the order in which the caller passes them.

    Raises:
        AssertionError: The statement has them in another order.
    """
    made = statement.compile(dialect=dialect)
    assert isinstance(made, SQLCompiler)  # noqa: S101 - as for all that is no schema
    first, *parts = str(made).split("?")
    order = made.positiontup or []
    assert tuple(name for name in order if name in names) == names, order  # noqa: S101 - of constants only
    marks = ("?" if name in names else f"{made.params[name]:d}" for name in order)
    return first + "".join(map("".join, zip(marks, parts, strict=True)))


def with_names(statement: ClauseElement, dialect: Dialect) -> bytes:
    """Return the text of a statement with named parameters.

    Args:
        statement: As for `compiled`.
        dialect: A dialect with parameters like ``%(name)s``.
    """
    made = statement.compile(dialect=dialect)
    text = str(made)
    for name, value in made.params.items():
        if value is not None:
            text = text.replace(f"%({name})s", f"{value:d}")
    return text.encode()


def of_sizes(
    make: Callable[[Sequence[int]], ClauseElement], dialect: Dialect, *names: str
) -> Mapping[int, str]:
    """Return a statement for each of `SIZES`.

    Args:
        make: Makes it of the numbers of its rows or keys: ``name_0``, ``name_1``, … are parameters.
        dialect: As for `compiled`.
        names: The parameters of each row.
    """
    return {
        size: compiled(
            make(range(size)), dialect, *(f"{name}_{n}" for n in range(size) for name in names)
        )
        for size in SIZES
    }


def in_sizes(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Cut rows into parts of `SIZES`."""
    if len(rows) in SIZES:
        yield rows
        return
    begin = 0
    for size in SIZES:
        while len(rows) - begin >= size:
            yield rows[begin : begin + size]
            begin += size


def filled_up(keys: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Cut keys into parts of `SIZES`; the last one repeats a key until it has such a size."""
    if len(keys) in SIZES:
        yield keys
        return
    for begin in range(0, len(keys), SIZES[0]):
        part = keys[begin : begin + SIZES[0]]
        size = next(size for size in reversed(SIZES) if size >= len(part))
        yield [*part, *[part[-1]] * (size - len(part))]
