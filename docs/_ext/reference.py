"""Generates the tables of the reference from the code, without Sphinx."""  # noqa: INP001 - Sphinx puts this folder on the path

import inspect
import re
from collections.abc import Iterable, Iterator

import attrs
from prometheus_client import Counter, Gauge

from trio_chat.metrics import DROPS, Asked, Metrics, Spread, Tally
from trio_chat.protocol.close_codes import DO_NOT_COME_BACK, MEANING, CloseCode
from trio_chat.settings import Settings, flag_name

FIELD = re.compile(r"    (?P<name>\w+): ")
COMMENT = re.compile(r"    # ?(?P<text>.*)")


_Metric = Tally | Asked | Spread | Counter | Gauge


def reasons() -> dict[str, str]:
    """Return the reason of each default: the comment above it in the source.

    A setting without a comment of its own shares the comment of the setting above.

    Raises:
        ValueError: The first setting of a paragraph has no comment.
    """
    found: dict[str, str] = {}
    comment: list[str] = []
    reason = ""
    for line in inspect.getsource(Settings).splitlines():
        if match := COMMENT.fullmatch(line):
            comment.append(match["text"])
        elif match := FIELD.match(line):
            reason = " ".join(comment) or reason
            comment = []
            if not reason:
                raise ValueError(f"{match['name']} has no comment that says why")
            found[match["name"]] = reason
        elif not line:
            reason = ""
    return found


def settings() -> Iterator[str]:
    """Yield each setting as a ``confval`` in MyST, by group, in the order of the source."""
    why = reasons()
    group = ""
    for field in attrs.fields(Settings):
        if field.metadata["group"] != group:
            group = field.metadata["group"]
            yield from (f"## {group}", "")
        name = flag_name(field.name)
        # No check accepts an object(), so each describes the values that it accepts.
        wanted = field.metadata["check"](object())
        yield from (
            f"````{{confval}} {name}",
            f":type: {wanted}",
            f":default: {_default(field.default)}",
            "",
            field.metadata["help"],
            "",
            *_sources(field),
            "",
            f"*Why:* {why[field.name]}",
            "````",
            "",
        )


def close_codes() -> Iterator[str]:
    """Yield the table of close codes: code, name, reason, and whether a client may reconnect."""
    yield from _table(
        ("code", "name", "default reason", "reconnect?"),
        (
            (f"{code:d}", f"`{code.name}`", MEANING[code], _may_reconnect(code))
            for code in sorted(CloseCode)
        ),
    )


def drop_reasons() -> Iterator[str]:
    """Yield the values of the label ``reason`` of ``trio_chat_drops_total``."""
    yield ", ".join(f"`{reason}`" for reason in DROPS)


def metrics() -> Iterator[str]:
    """Yield the table of the metrics of ``/metrics``."""
    yield from _table(
        ("name", "type", "labels", "meaning"),
        (
            (f"`{_sample_name(metric)}`", _kind(metric), _labels(metric), _meaning(metric))
            for metric in vars(Metrics()).values()
            if isinstance(metric, _Metric)
        ),
    )


def _sources(field: "attrs.Attribute[object]") -> Iterator[str]:
    name = flag_name(field.name)
    variable = f"`TRIO_CHAT_{name.upper().replace('-', '_')}`"
    if field.metadata["is_secret"]:
        yield f"Variable {variable} only: a secret is neither a flag nor in the file"
        return
    yield f"Flag `--{name}`"
    yield f"· variable {variable}"
    yield f"· TOML `{name} = {_toml(field.default)}`"


def _default(default: object) -> str:
    return "none" if default in {(), ""} else f"`{default}`"


def _toml(default: object) -> str:
    if isinstance(default, tuple):
        return "[…]"
    return f'"{default}"' if isinstance(default, str) else str(default)


def _may_reconnect(code: CloseCode) -> str:
    return "**no**" if code in DO_NOT_COME_BACK else "yes"


def _sample_name(metric: _Metric) -> str:
    (family,) = metric.describe()
    return f"{family.name}_total" if _kind(metric) == "counter" else family.name


def _kind(metric: _Metric) -> str:
    (family,) = metric.describe()
    return str(family.type)


def _labels(metric: _Metric) -> str:
    if isinstance(metric, Tally | Asked | Spread):
        return ""
    # The library returns labels only of children that exist already.
    return ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001


def _meaning(metric: _Metric) -> str:
    (family,) = metric.describe()
    return family.documentation


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
