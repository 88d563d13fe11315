"""Puts a page's modules into one script, so that a browser loads one file instead of forty.

Each module becomes a function that returns its exports, after the modules that it imports. The
entry comes last and outside any function, so it may use ``await`` at its top level. Only the text
of comments goes, each line keeps its distance from the module's first, and a comment names the
file: so the line of an error leads to readable code.

Modules may contain ``import {…} from "./x.js"``, ``import * as x from "./x.js"``,
``import "./x.js"``, ``export`` before ``function``, ``class`` and ``const``, and
``export {…} from "./x.js"``. Such an export never changes, so its importers may copy it.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from attrs import Factory, define, frozen

from trio_chat.errors import StartError
from trio_chat.pages.javascript import Kind, Part, parts, shortened

_NAME: Final = r"[\w$]+"
_LOAD: Final = re.compile(
    rf"^(?P<verb>import|export)\b\s*(?:(?P<names>\{{[^{{}}]*\}}|\*\s*as\s+{_NAME})\s*from\s*)?"
    r'"(?P<path>[^"]*)"[ \t]*;?',
    re.MULTILINE,
)
_EXPORT: Final = re.compile(
    rf"^export\s+(?=(?:async\s+function|function|class|const)\b\s*\*?\s*(?P<name>{_NAME}))",
    re.MULTILINE,
)
_UNSUPPORTED: Final = re.compile(r"^export\b.*|(?<!\.)\bimport\b(?!\s*:).*", re.MULTILINE)
_WAIT: Final = re.compile(r"^(?!.*\basync\b).*\bawait\b", re.MULTILINE)
_ALIAS: Final = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")


@frozen
class _Import:
    """What a module takes from another.

    Attributes:
        module: The name of the other.
        wanted: The names that the other must export.
        code: Declares them in this module; empty if it only exports them again.
    """

    module: str
    wanted: frozenset[str]
    code: str


@define
class _Module:
    """A module, taken apart.

    Attributes:
        name: Its file.
        code: Its code without imports and the word ``export``.
        imports: What it takes from others, in order.
        exports: The exported names, each with the expression of its value.
    """

    name: str
    code: str = ""
    imports: list[_Import] = Factory(list)
    exports: dict[str, str] = Factory(dict)


def bundle(entry: str, files: Mapping[str, str]) -> str:
    """Return one script that does what the entry and its modules do.

    Args:
        entry: The name of the module that the page loads, such as ``js/chat.js``.
        files: The sources of modules by name.

    Raises:
        StartError: A module is missing, imports itself through others, imports a name that does
            not exist, or contains other forms of import and export than described above.
    """
    modules: dict[str, _Module] = {}
    _collect(entry, files, modules, ())
    return "".join(_write(module, is_entry=name == entry) for name, module in modules.items())


def classic(name: str, files: Mapping[str, str]) -> str:
    """Return a script that is no module, without the text of its comments.

    Raises:
        StartError: It is missing or not well-formed.
    """
    if name not in files:
        raise StartError(f"{name} is missing, imported by a page")
    return f"// {name}\n{''.join(map(shortened, _parts_of(name, files[name])))}"


def _collect(
    name: str, files: Mapping[str, str], modules: dict[str, _Module], importers: tuple[str, ...]
) -> None:
    """Add a module to the others, after those that it imports."""
    if name in modules:
        return
    if name in importers:
        raise StartError(f"modules import each other: {', '.join((*importers, name))}")
    if name not in files:
        raise StartError(f"{name} is missing, imported by {', '.join(importers) or 'a page'}")
    module = _read(name, files[name], is_entry=not importers)
    for one in module.imports:
        _collect(one.module, files, modules, (*importers, name))
        for missing in one.wanted - modules[one.module].exports.keys():
            raise StartError(f"{name}: {one.module} exports no {missing}")
    modules[name] = module


def _read(name: str, source: str, *, is_entry: bool) -> _Module:
    """Take a module apart."""
    module = _Module(name)
    found = [(part, shortened(part)) for part in _parts_of(name, source)]
    code = "".join(text for _, text in found)
    # Searched in its place: of the same length, without the contents of texts.
    mask = "".join(_masked(text) if part.kind is Kind.TEXT else text for part, text in found)
    top = "".join(text for part, text in found if part.is_top and part.kind is not Kind.TEXT)
    if not is_entry and _WAIT.search(top):
        raise StartError(f"{name}: only the module that a page loads may await at its top level")
    rest = []
    end = 0
    for match in sorted([*_LOAD.finditer(mask), *_EXPORT.finditer(mask)], key=re.Match.start):
        rest.append((code[end : match.start()], mask[end : match.start()]))
        end = match.end()
        if match.re is _EXPORT:
            module.exports[match["name"]] = match["name"]
        else:
            _load(module, match["verb"], match["names"] or "", code[slice(*match.span("path"))])
            rest.append(("\n" * match.group().count("\n"), ""))
    rest.append((code[end:], mask[end:]))
    if other := _UNSUPPORTED.search("".join(text for _, text in rest)):
        raise StartError(f"{name}: the bundle does not support: {other.group()}")
    module.code = "".join(text for text, _ in rest)
    return module


def _parts_of(name: str, source: str) -> list[Part]:
    try:
        return list(parts(source))
    except ValueError as error:
        raise StartError(f"{name}: {error}") from error


def _load(module: _Module, verb: str, names: str, path: str) -> None:
    """Note one ``import … from``, or ``export … from``."""
    if not path.startswith(("./", "../")):
        raise StartError(f'{module.name}: imports "{path}"; a path begins with ./ or ../')
    other = posixpath.normpath(posixpath.join(posixpath.dirname(module.name), path))
    variable = _variable(other)
    code = ""
    wanted: dict[str, str] = {}  # by the name in this module
    if names.startswith("*"):
        code = f"const {names.rsplit(maxsplit=1)[-1]} = {variable};"
    else:
        wanted = {alias or name: name for name, alias in _ALIAS.findall(names)}
        if verb == "export":
            module.exports |= {here: f"{variable}.{there}" for here, there in wanted.items()}
        elif wanted:
            pairs = (
                there if here == there else f"{there}: {here}" for here, there in wanted.items()
            )
            code = f"const {{ {', '.join(pairs)} }} = {variable};"
    module.imports.append(_Import(other, frozenset(wanted.values()), code))


def _write(module: _Module, *, is_entry: bool) -> str:
    imports = " ".join(one.code for one in module.imports if one.code)
    if is_entry:
        return f"// {module.name}\n{imports}\n{module.code}\n"
    variable = _variable(module.name)
    pairs = (
        name if name == value else f"{name}: {value}" for name, value in module.exports.items()
    )
    return (
        f"// {module.name}\nconst {variable} = (function {variable}() {{ {imports}\n"
        f"{module.code}\nreturn {{ {', '.join(pairs)} }};\n}})();\n"
    )


def _variable(name: str) -> str:
    """Return the variable of a module's exports. Error reports show it as a function."""
    return re.sub(
        r"[^\w$]", "_", "$" + name.removesuffix(".js").removeprefix("js/").replace("/", "$")
    )


def _masked(text: str) -> str:
    """Hide the content of a string, and all of a template or a regular expression."""
    quote = '"' if text[0] in {'"', "'"} else "_"
    return quote + re.sub(r"[^\n]", "_", text[1:-1]) + quote
