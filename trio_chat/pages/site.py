"""The files of the web pages: read once at start, with a few scripts and one style sheet a page.

The folder works on any web server, as it is. For the pages of this server, `read_site` replaces the
style sheets of a page by one, and each module by a `bundle`. Every file, also a single module,
keeps its own name for other programs.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import frozen

from trio_chat.errors import StartError
from trio_chat.pages.bundle import bundle, classic

URL_PREFIX: Final = "/static/"
"""The prefix of every file's path."""

_STYLE: Final = re.compile(rf'[ \t]*<link rel="stylesheet" href="{URL_PREFIX}([^"]+)">\n?')
_SCRIPT: Final = re.compile(rf'(<script (type="module" )?src="{URL_PREFIX})([^"]+)"')
_PRELOAD: Final = re.compile(rf'(<link rel="modulepreload" href="{URL_PREFIX})js/([^"]+)"')
_REFERENCE: Final = re.compile(rf'(\s(?:src|href)="){URL_PREFIX}')
_CSS_NEEDLESS: Final = re.compile(
    r"""/\*.*?\*/|("[^"]*"|'[^']*')|\s*([{};,])\s*|(?<=[\w-])(:) |^[ \t]+""",
    re.DOTALL | re.MULTILINE,
)
"""Comments, and spaces around signs. A space before a colon selects a descendant."""

_INDENTATION: Final = re.compile(r"^[ \t]+", re.MULTILINE)

_DIGEST_CHARS: Final = 32


@frozen
class Site:
    """All files.

    Attributes:
        version: The digest of all names and bytes.
        files: The bytes by name, of everything but pages. A page refers to ``VERSION/name``.
        pages: The pages by name.
    """

    version: str
    files: Mapping[str, bytes]
    pages: Mapping[str, bytes]


def find_static_folder() -> Path:
    """Return the folder of the pages: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "static"
    return installed if installed.is_dir() else package.parent / "static"


def read_site(folder: Path) -> Site:
    """Read every file of a folder and its subfolders, except hidden ones.

    Raises:
        OSError: A file is unreadable.
        StartError: The modules of a page cannot be bundled; see `bundle`.
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_hidden(path.relative_to(folder))
    }
    pages = {
        name: _assemble(name, files.pop(name).decode(), files)
        for name in [*files]
        if name.endswith(".html")
    }
    version = digest(
        *(part for name, body in files.items() for part in (name.encode(), body)),
        *(part for name, page in pages.items() for part in (name.encode(), page.encode())),
    )
    pinned = {
        name: _REFERENCE.sub(rf"\g<1>{URL_PREFIX}{version}/", page).encode()
        for name, page in pages.items()
    }
    return Site(version, files, pinned)


def digest(*parts: bytes) -> str:
    """Return a digest of byte strings and their lengths."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(b"%d:" % len(part) + part)
    return hashed.hexdigest()[:_DIGEST_CHARS]


def _assemble(name: str, page: str, files: dict[str, bytes]) -> str:
    """Return the page with one style sheet and bundled modules, and add these to the files."""
    stem = PurePosixPath(name).stem
    if styles := _STYLE.findall(page):
        # In a folder beside css/ and js/, so that relative addresses stay right.
        files[f"page/{stem}.css"] = "".join(_style(style, files) for style in styles).encode()
        link = f'  <link rel="stylesheet" href="{URL_PREFIX}page/{stem}.css">\n'
        once = iter([link])
        page = _STYLE.sub(lambda _: next(once, ""), page)
    sources = {file: body.decode() for file, body in files.items() if file.endswith(".js")}
    scripts: dict[str, str] = {}
    for _, is_module, script in _SCRIPT.findall(page):
        if is_module:
            scripts |= bundle(script, sources)
        else:
            scripts[PurePosixPath(script).name] = classic(script, sources)
    for script, text in scripts.items():
        body = text.encode()
        if files.setdefault(f"page/{script}", body) != body:
            raise StartError(f"{name}: another page has a different page/{script}")
    page = _INDENTATION.sub("", page)
    page = _PRELOAD.sub(lambda match: f'{match[1]}page/{match[2]}"', page)
    return _SCRIPT.sub(lambda match: f'{match[1]}page/{PurePosixPath(match[3]).name}"', page)


def _style(name: str, files: Mapping[str, bytes]) -> str:
    if name not in files:
        raise StartError(f"{name} is missing, a style sheet of a page")
    text = files[name].decode()
    if "@import" in text or "@charset" in text:
        raise StartError(f"{name}: a style sheet of a page may not contain @import or @charset")
    return f"/* {name} */\n{_CSS_NEEDLESS.sub(_kept, text).lstrip()}\n"


def _kept(match: re.Match[str]) -> str:
    return "".join(text or "" for text in match.groups())


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)
