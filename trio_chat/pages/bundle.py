"""Puts a page's modules into a few scripts, so that a browser loads three files instead of sixty.

The first script holds the entry and all that it imports. Each module that ``import("./x.js")``
names begins a further script, with those of its modules that no earlier script holds. A module that
two such scripts need is in a script that both follow, so each module runs once.

Each module becomes a function that returns its exports, after the modules that it imports. The
entry stays outside any function, so it may use ``await`` at its top level. Comments, indentation
and spaces around signs go, each line keeps its distance from the module's first, and a comment
names the file: so the line of an error leads to readable code.

Modules may contain ``import {…} from "./x.js"``, ``import * as x from "./x.js"``,
``import "./x.js"``, ``import("./x.js")``, ``export`` before ``function``, ``class`` and ``const``,
and ``export {…} from "./x.js"``. Such an export never changes, so its importers may copy it.
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
_LATER: Final = re.compile(r'(?<![.#])\bimport\(\s*"(?P<path>[^"]*)"')
_UNSUPPORTED: Final = re.compile(r"^export\b(?!\s*:).*|(?<![.#])\bimport\b(?!\s*:).*", re.MULTILINE)
_WAIT: Final = re.compile(r"^(?!.*\basync\b).*\bawait\b", re.MULTILINE)
_LINK: Final = re.compile("\0([^\0]+)\0")
_PRIVATE: Final = re.compile(rf"#({_NAME})")
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


class _PrivateNames:
    """Shortens the private names of a module, such as ``#text``, which no other module can use."""

    def __init__(self) -> None:
        self._short: dict[str, str] = {}

    def put_into(self, part: Part) -> str:
        """Return a part of the module with short names, and without what `shortened` removes."""
        text = shortened(part)
        return _PRIVATE.sub(self._shorten, text) if part.kind is Kind.CODE else text

    def _shorten(self, match: re.Match[str]) -> str:
        return self._short.setdefault(match[1], f"#${len(self._short)}")


@define
class _Module:
    """A module, taken apart.

    Attributes:
        name: Its file.
        code: Its code without imports and the word ``export``.
        imports: What it takes from others, in order.
        later: The modules that it names in ``import()``. The code has `_LINK` in their place.
        exports: The exported names, each with the expression of its value.
        waits: Whether it awaits at its top level.
    """

    name: str
    code: str = ""
    imports: list[_Import] = Factory(list)
    later: list[str] = Factory(list)
    waits: bool = False
    exports: dict[str, str] = Factory(dict)


def bundle(entry: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return scripts that do what the entry and its modules do.

    Args:
        entry: The name of the module that the page loads, such as ``js/chat.js``.
        files: The sources of modules by name.

    Returns:
        The script of the entry, and one for each module that ``import()`` names. Their names are
        relative to the folder of the entry, such as ``chat.js``.

    Raises:
        StartError: A module is missing, imports itself through others, imports a name that does
            not exist, or contains other forms of import and export than described above.
    """
    modules: dict[str, _Module] = {}
    starts = [entry]
    reached: dict[str, set[str]] = {}
    for start in starts:
        _collect(start, files, modules, (), entry)
        reached[start] = _reach(start, modules)
        named = [
            later for name in modules if name in reached[start] for later in modules[name].later
        ]
        starts += [one for one in dict.fromkeys(named) if one not in starts]
    owners = _owners(entry, modules, reached)
    return {_place(start, entry): _script(start, entry, modules, owners) for start in starts}


def classic(name: str, files: Mapping[str, str]) -> str:
    """Return a script that is no module, without the text of its comments.

    Raises:
        StartError: It is missing or not well-formed.
    """
    if name not in files:
        raise StartError(f"{name} is missing, imported by a page")
    return f"// {name}\n{''.join(map(shortened, _parts_of(name, files[name])))}"


def _collect(
    name: str,
    files: Mapping[str, str],
    modules: dict[str, _Module],
    importers: tuple[str, ...],
    entry: str,
) -> None:
    """Add a module to the others, after those that it imports."""
    if name in importers:
        raise StartError(f"modules import each other: {', '.join((*importers, name))}")
    if name in modules:
        if name == entry:
            raise StartError(f"{importers[-1]}: imports {entry}, which the page loads")
        return
    if name not in files:
        raise StartError(f"{name} is missing, imported by {', '.join(importers) or 'a page'}")
    module = _read(name, files[name], is_entry=name == entry)
    for one in module.imports:
        _collect(one.module, files, modules, (*importers, name), entry)
        for missing in one.wanted - modules[one.module].exports.keys():
            raise StartError(f"{name}: {one.module} exports no {missing}")
    modules[name] = module


def _reach(start: str, modules: Mapping[str, _Module]) -> set[str]:
    """Return a module with all that it imports."""
    reached = {start}
    pending = [start]
    while pending:
        found = {one.module for one in modules[pending.pop()].imports} - reached
        reached |= found
        pending += found
    return reached


def _owners(
    entry: str, modules: Mapping[str, _Module], reached: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return the first module of the script that holds each module."""
    # For each script, those that have run before it, and itself.
    before = {start: set(reached) for start in reached}
    before[entry] = {entry}
    is_settled = False
    while not is_settled:
        is_settled = True
        for start in reached:
            for later in {later for name in reached[start] for later in modules[name].later}:
                run = (before[later] & before[start]) | {later}
                is_settled = is_settled and run == before[later]
                before[later] = run
    owners = {}
    for name in modules:
        common = set.intersection(*(before[start] for start in reached if name in reached[start]))
        owners[name] = max(common, key=lambda start: len(before[start]))
    for start in reached:
        if owners[start] != start:
            raise StartError(f"{start}: named by import() and imported by {owners[start]}")
    return owners


def _script(
    start: str, entry: str, modules: Mapping[str, _Module], owners: Mapping[str, str]
) -> str:
    """Return the script that begins with a module."""
    here = _place(start, entry)

    def relative(match: re.Match[str]) -> str:
        return _relative(_place(match[1], entry), here)

    own = [module for name, module in modules.items() if owners[name] == start]
    taken: dict[str, set[str]] = {}
    for module in own:
        for one in module.imports:
            if owners[one.module] != start:
                taken.setdefault(owners[one.module], set()).add(_variable(one.module))
    given = {
        _variable(one.module)
        for module in modules.values()
        for one in module.imports
        if owners[one.module] == start != owners[module.name]
    }
    if given and modules[start].waits:
        raise StartError(f"{start}: may not await at its top level; other scripts import from it")
    text = "".join(
        f'import {{{",".join(sorted(names))}}} from "{_relative(_place(owner, entry), here)}";\n'
        for owner, names in taken.items()
    )
    text += "".join(_write(module, is_entry=module.name == entry) for module in own)
    if start != entry and modules[start].exports:
        text += f"export const {{{','.join(modules[start].exports)}}}={_variable(start)};\n"
    if given:
        text += f"export {{{','.join(sorted(given))}}};\n"
    return _LINK.sub(relative, text)


def _place(name: str, entry: str) -> str:
    """Return the name of the script that begins with a module."""
    return posixpath.relpath(name, posixpath.dirname(entry))


def _relative(target: str, script: str) -> str:
    path = posixpath.relpath(target, posixpath.dirname(script) or ".")
    return path if path.startswith("../") else f"./{path}"


def _read(name: str, source: str, *, is_entry: bool) -> _Module:
    """Take a module apart."""
    module = _Module(name)
    shorter = _PrivateNames()
    found = [(part, shorter.put_into(part)) for part in _parts_of(name, source)]
    code = "".join(text for _, text in found)
    # Searched in its place: of the same length, without the contents of texts.
    mask = "".join(_masked(text) if part.kind is Kind.TEXT else text for part, text in found)
    top = "".join(text for part, text in found if part.is_top and part.kind is not Kind.TEXT)
    module.waits = _WAIT.search(top) is not None
    if not is_entry and module.waits:
        raise StartError(f"{name}: only the module that a page loads may await at its top level")
    rest = []
    end = 0
    found_forms = (*_LOAD.finditer(mask), *_LATER.finditer(mask), *_EXPORT.finditer(mask))
    for match in sorted(found_forms, key=re.Match.start):
        rest.append((code[end : match.start()], mask[end : match.start()]))
        end = match.end()
        if match.re is _EXPORT:
            module.exports[match["name"]] = match["name"]
        elif match.re is _LATER:
            other = _resolved(name, code[slice(*match.span("path"))])
            module.later.append(other)
            rest.append((f'import("\0{other}\0"', ""))
        else:
            _load(module, match["verb"], match["names"] or "", code[slice(*match.span("path"))])
            rest.append(("\n" * match.group().count("\n"), ""))
    rest.append((code[end:], mask[end:]))
    if bad := _UNSUPPORTED.search("".join(text for _, text in rest)):
        raise StartError(f"{name}: the bundle does not support: {bad.group()}")
    module.code = "".join(text for text, _ in rest)
    return module


def _parts_of(name: str, source: str) -> list[Part]:
    try:
        return list(parts(source))
    except ValueError as error:
        raise StartError(f"{name}: {error}") from error


def _load(module: _Module, verb: str, names: str, path: str) -> None:
    """Note one ``import … from``, or ``export … from``."""
    other = _resolved(module.name, path)
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
                there if here == there else f"{there}:{here}" for here, there in wanted.items()
            )
            code = f"const {{{','.join(pairs)}}}={variable};"
    module.imports.append(_Import(other, frozenset(wanted.values()), code))


def _resolved(importer: str, path: str) -> str:
    """Return the name of the module that another imports."""
    if not path.startswith(("./", "../")):
        raise StartError(f'{importer}: imports "{path}"; a path begins with ./ or ../')
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


def _write(module: _Module, *, is_entry: bool) -> str:
    imports = "".join(one.code for one in module.imports)
    if is_entry:
        return f"// {module.name}\n{imports}\n{module.code}\n"
    pairs = (name if name == value else f"{name}:{value}" for name, value in module.exports.items())
    return (
        f"// {module.name}\nconst {_variable(module.name)}=(()=>{{{imports}\n"
        f"{module.code}\nreturn {{{','.join(pairs)}}};\n}})();\n"
    )


def _variable(name: str) -> str:
    """Return the variable of a module's exports."""
    return re.sub(
        r"[^\w$]", "_", "$" + name.removesuffix(".js").removeprefix("js/").replace("/", "$")
    )


def _masked(text: str) -> str:
    """Hide the content of a string, and all of a template or a regular expression."""
    quote = '"' if text[0] in {'"', "'"} else "_"
    return quote + re.sub(r"[^\n]", "_", text[1:-1]) + quote
