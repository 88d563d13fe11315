"""The tables of the reference, written out of the code that they are about. No Sphinx in here."""  # noqa: INP001 - Sphinx puts this folder on the path

import inspect
import re
from collections.abc import Iterable, Iterator

import attrs
from prometheus_client import Counter, Gauge

from trio_chat.metrics import DROPS, Asked, Metrics, Spread, Tally
from trio_chat.protocol.closing import DO_NOT_COME_BACK, MEANING, CloseCode
from trio_chat.settings import Settings, flag_name

FIELD = re.compile(r"    (?P<name>\w+): ")
COMMENT = re.compile(r"    # ?(?P<text>.*)")


_Metric = Tally | Asked | Spread | Counter | Gauge


def reasons() -> dict[str, str]:
    """Why each default is that number: the comment above it in the source.

    A setting without a comment of its own belongs to the one above it, and so does the reason.

    Raises:
        ValueError: A setting begins a paragraph without a comment.
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
    """Each setting as a ``confval``, in MyST, in the order of the source."""
    why = reasons()
    for field in attrs.fields(Settings):
        name = flag_name(field.name)
        # Nothing is an object() to any check, so each says what it wants.
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
    """Every close code, what it means, and whether a client is to come back."""
    yield from _table(
        ("code", "name", "reason sent with it, unless there is a more exact one", "come back?"),
        (
            (f"{code:d}", f"`{code.name}`", MEANING[code], _come_back(code))
            for code in sorted(CloseCode)
        ),
    )


def drop_reasons() -> Iterator[str]:
    """Every value that the label ``reason`` of ``trio_chat_drops_total`` may have."""
    yield ", ".join(f"`{reason}`" for reason in DROPS)


def metrics() -> Iterator[str]:
    """Every metric that ``/metrics`` shows."""
    yield from _table(
        ("name", "type", "labels", "what"),
        (
            (f"`{_sample_name(metric)}`", _kind(metric), _labels(metric), _what(metric))
            for metric in vars(Metrics()).values()
            if isinstance(metric, _Metric)
        ),
    )


def _sources(field: "attrs.Attribute[object]") -> Iterator[str]:
    name = flag_name(field.name)
    variable = f"`TRIO_CHAT_{name.upper().replace('-', '_')}`"
    if field.metadata["is_secret"]:
        yield f"Variable {variable}, and nothing else: a secret is neither a flag nor in the file"
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


def _come_back(code: CloseCode) -> str:
    return "**no**" if code in DO_NOT_COME_BACK else "may"


def _sample_name(metric: _Metric) -> str:
    (family,) = metric.describe()
    return f"{family.name}_total" if _kind(metric) == "counter" else family.name


def _kind(metric: _Metric) -> str:
    (family,) = metric.describe()
    return str(family.type)


def _labels(metric: _Metric) -> str:
    if isinstance(metric, Tally | Asked | Spread):
        return ""
    # The library tells them only of children that exist already.
    return ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001


def _what(metric: _Metric) -> str:
    (family,) = metric.describe()
    return family.documentation


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
