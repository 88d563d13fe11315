"""The files of the web pages, read once at start and served from memory.

Each file has two names. ``/static/js/chat.js`` is the current file, so a browser revalidates it
each time. ``/static/DIGEST/js/chat.js`` never changes, so a browser caches it. The digest covers
all files, and the pages refer to the second name. A module refers to others by relative paths, so
all modules of a page belong to one version.
"""

import errno
import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import field, frozen

from trio_chat.http.request import joined
from trio_chat.http.response import Headers, Response

_CONTENT_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".ico": b"image/x-icon",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml; charset=utf-8",
    ".txt": b"text/plain; charset=utf-8",
    ".webmanifest": b"application/manifest+json",
    ".woff2": b"font/woff2",
}
"""Content types by suffix; the system's own table differs from machine to machine."""

_CONTENT_SECURITY_POLICY: Final = (
    b"default-src 'none'; "
    b"script-src 'self'; "
    b"style-src 'self'; "
    b"img-src 'self'; "
    b"connect-src 'self'; "  # this host's ws: and wss: too (CSP level 3)
    b"base-uri 'none'; "
    b"form-action 'none'; "  # scripts read the forms; no form is submitted
    b"frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; "  # no text ever becomes markup or code
    b"trusted-types 'none'"
)

_PAGE_HEADERS: Final = (
    (b"content-security-policy", _CONTENT_SECURITY_POLICY),
    (b"referrer-policy", b"no-referrer"),
    # A page that opened this one loses access to its window, and so cannot give it another token.
    (b"cross-origin-opener-policy", b"same-origin"),
)

URL_PREFIX: Final = "/static/"
"""The prefix of every file's path."""

_ASK_EACH_TIME: Final = b"no-cache"
"""Browsers keep the file but revalidate it: a 304 is the price of seeing a new version at once."""

_KEEP_FOR_EVER: Final = b"public, max-age=31536000, immutable"
"""A year is the longest common age of caches (RFC 9111 section 1.2.2)."""

_REFERENCE: Final = re.compile(rb'(\s(?:src|href)=")' + re.escape(URL_PREFIX.encode()))

_OPAQUE_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@frozen
class StaticFile:
    """One file under one name, with the fields of a 200; ``etag`` includes its quotes."""

    body: bytes = field(repr=False)
    etag: bytes
    headers: Headers
    cache_control: bytes

    @classmethod
    def of(cls, name: str, body: bytes, cache_control: bytes = _ASK_EACH_TIME) -> "StaticFile":
        """Return a file made of its bytes. The suffix of the name decides the content type."""
        suffix = PurePosixPath(name).suffix.lower()
        page_headers = _PAGE_HEADERS if suffix == ".html" else ()
        # The digest covers the policy too: after a 304 a browser uses the cached policy.
        etag = b'"%s"' % _digest(body, repr(page_headers).encode())
        headers = (
            (b"content-type", _CONTENT_TYPES.get(suffix, b"application/octet-stream")),
            (b"etag", etag),
            (b"cache-control", cache_control),
        )
        return cls(body, etag, headers + page_headers, cache_control)

    def answer(self, headers: Headers) -> Response:
        """Return the file, or 304 if the client's ``If-None-Match`` names it."""
        tags = joined(headers, b"if-none-match")
        # This field compares weakly (RFC 9110 section 13.1.2).
        if tags.strip() == b"*" or self.etag in _OPAQUE_TAG.findall(tags):
            kept = ((b"etag", self.etag), (b"cache-control", self.cache_control))
            return Response(304, kept, b"")
        return Response(200, self.headers, self.body)


class StaticFiles:
    """Holds every file of a folder in memory.

    Args:
        folder: The folder, including subfolders; hidden files are skipped.

    Attributes:
        version: The digest of all names and bytes, part of the paths of immutable files.

    Raises:
        OSError: A file is unreadable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bodies = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not re.search(r"(^|/)\.", path.relative_to(folder).as_posix())
        }
        parts = (part for name, body in bodies.items() for part in (name.encode(), body))
        self.version = _digest(*parts).decode()
        pinned_prefix = f"{URL_PREFIX}{self.version}/".encode()
        self._files: dict[str, StaticFile] = {}
        for name, body in bodies.items():
            if name.endswith(".html"):
                page = _REFERENCE.sub(rb"\g<1>" + pinned_prefix, body)
                self._files[name] = StaticFile.of(name, page)
            else:
                self._files[name] = StaticFile.of(name, body)
                pinned = StaticFile.of(name, body, _KEEP_FOR_EVER)
                self._files[f"{self.version}/{name}"] = pinned

    def find(self, name: str) -> StaticFile | None:
        """Return the file with exactly this name, e.g. ``chat.js``; no path escapes the folder."""
        return self._files.get(name)

    def page(self, name: str) -> StaticFile:
        """Return a file that must exist.

        Raises:
            FileNotFoundError: It does not exist.
        """
        if (file := self.find(name)) is None:
            missing = str(self._folder / name)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing)
        return file


def find_static_folder() -> Path:
    """Return the folder of the pages: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "static"
    return installed if installed.is_dir() else package.parent / "static"


def _digest(*parts: bytes) -> bytes:
    """Return a digest of byte strings and their lengths."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:32].encode()
