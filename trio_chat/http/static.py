"""The pages' files, read once at start and served from memory."""

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from attrs import field, frozen

from trio_chat.http.fields import Headers, joined
from trio_chat.http.response import Response

_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""By ending. The system's own table differs from machine to machine, so it is not asked."""

_ANY_BYTES: Final = "application/octet-stream"

_CONTENT_SECURITY_POLICY: Final = (
    b"default-src 'none'; "
    b"script-src 'self'; "
    b"style-src 'self'; "
    b"img-src 'self'; "
    b"connect-src 'self'; "  # this host's ws: and wss: too (CSP level 3)
    b"base-uri 'none'; "
    b"form-action 'none'; "  # forms are read by scripts, and sent nowhere
    b"frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; "  # no text ever becomes markup or code
    b"trusted-types 'none'"
)

_PAGE_HEADERS: Final = (
    (b"content-security-policy", _CONTENT_SECURITY_POLICY),
    (b"referrer-policy", b"no-referrer"),
    # Who has opened the page keeps no hold of its window, and can't give it another token.
    (b"cross-origin-opener-policy", b"same-origin"),
)

_OPAQUE_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@frozen
class StaticFile:
    """One file.

    Attributes:
        body: Its bytes.
        etag: A strong validator, quotes included.
        headers: The fields of a 200.
    """

    body: bytes = field(repr=False)
    etag: bytes
    headers: Headers

    @classmethod
    def read(cls, path: Path) -> "StaticFile":
        """Read it from the disk.

        Raises:
            OSError: It cannot be read.
        """
        body = path.read_bytes()
        page_headers = _PAGE_HEADERS if path.suffix.lower() == ".html" else ()
        # Of the policy too: who is told 304 goes on with the one that came with the bytes.
        digest = hashlib.sha256(body + repr(page_headers).encode()).hexdigest()[:32]
        etag = b'"%s"' % digest.encode()
        content_type = _CONTENT_TYPES.get(path.suffix.lower(), _ANY_BYTES)
        # no-cache: keep it, but ask each time. A new version shows at the next load, for one 304.
        headers = (
            (b"content-type", content_type.encode()),
            (b"etag", etag),
            (b"cache-control", b"no-cache"),
        )
        return cls(body, etag, headers + page_headers)

    def answer(self, headers: Headers) -> Response:
        """The file, or 304 if the client's ``If-None-Match`` says that it has it already."""
        if _matches(joined(headers, b"if-none-match"), self.etag):
            return Response(304, ((b"etag", self.etag), (b"cache-control", b"no-cache")), b"")
        return Response(200, self.headers, self.body)


class StaticFiles:
    """Every file of a folder, in memory.

    Args:
        folder: Where they are. Files in folders below it are served too; hidden ones are not.

    Raises:
        OSError: A file in it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = {
            path.relative_to(folder).as_posix(): StaticFile.read(path)
            for path in folder.rglob("*")
            if path.is_file() and not _is_hidden(path.relative_to(folder))
        }

    def find(self, name: str) -> StaticFile | None:
        """The file of this name, e.g. ``chat.js``; exactly this name, so no path leads out."""
        return self._files.get(name)

    def page(self, name: str) -> StaticFile:
        """A file that must be there.

        Raises:
            FileNotFoundError: It is not.
        """
        if (file := self.find(name)) is None:
            missing = str(self._folder / name)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing)
        return file


def find_static_folder() -> Path:
    """Where the pages are: in the installed package, else at the root of the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "static"
    return installed if installed.is_dir() else package.parent / "static"


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """Weak comparison, which is what this field asks for (RFC 9110 section 13.1.2)."""
    return if_none_match.strip() == b"*" or etag in _OPAQUE_TAG.findall(if_none_match)
