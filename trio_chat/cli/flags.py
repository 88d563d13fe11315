"""The settings as flags: their groups in ``--help``, and how help shows defaults.

`trio_chat.settings` knows no command line, so this module adds the information that cyclopts needs.
"""

from typing import Annotated, Any

import attrs
from cyclopts import Group, Parameter

from trio_chat.settings import Settings

_GROUPS = {
    name: Group(name, sort_key=number)
    for number, name in enumerate(
        dict.fromkeys(str(field.metadata["group"]) for field in attrs.fields(Settings)), start=1
    )
}


def _default(value: Any) -> str:  # noqa: ANN401 - a default has any type
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _flag(field: "attrs.Attribute[Any]") -> Any:  # noqa: ANN401 - the same
    parameter = Parameter(
        group=_GROUPS[field.metadata["group"]],
        show_default=_default if field.default not in {(), ""} else False,
    )
    annotated: Any = Annotated[field.type, parameter]
    default: Any = field.default
    return attrs.field(
        default=default,
        validator=field.validator,
        repr=field.repr,
        metadata=field.metadata,
        type=annotated,
    )


def settings_with_groups() -> type[Settings]:
    """Return a subclass of `Settings` whose fields carry the group and look of their flag."""
    fields = {field.name: _flag(field) for field in attrs.fields(Settings)}
    return attrs.make_class(
        "Settings", fields, bases=(Settings,), slots=True, frozen=True, kw_only=True
    )
