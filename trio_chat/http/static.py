"""The pages' files, read once at start and served from memory.

Each file has two names. ``/static/js/chat.js`` always means the current file, so a browser asks for
it each time. ``/static/DIGEST/js/chat.js`` means these bytes for ever, so a browser keeps it and
never asks again. ``DIGEST`` covers all files, and the pages refer to the second name. A module
refers to others by relative paths, so all modules that a page loads belong to one version.
"""

import errno
import hashlib
import os
import re
from pathlib import Path, PurePosixPath
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

URL_PREFIX: Final = "/static/"
"""The start of every file's path."""

_ASK_EACH_TIME: Final = b"no-cache"
"""Keep the file, but ask each time: a new version shows at the next load, at the price of a 304."""

_KEEP_FOR_EVER: Final = b"public, max-age=31536000, immutable"
"""A year is the longest age that caches agree on (RFC 9111 section 1.2.2)."""

_REFERENCE: Final = re.compile(rb'(\s(?:src|href)=")' + re.escape(URL_PREFIX.encode()))

_OPAQUE_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@frozen
class StaticFile:
    """One file under one name.

    Attributes:
        body: Its bytes.
        etag: A strong validator, quotes included.
        headers: The fields of a 200.
        cache_control: What a cache may do with it.
    """

    body: bytes = field(repr=False)
    etag: bytes
    headers: Headers
    cache_control: bytes

    @classmethod
    def of(cls, name: str, body: bytes, cache_control: bytes = _ASK_EACH_TIME) -> "StaticFile":
        """Make a file from its bytes. The ending of its name decides its type."""
        suffix = PurePosixPath(name).suffix.lower()
        page_headers = _PAGE_HEADERS if suffix == ".html" else ()
        # The digest covers the policy too: after a 304 a browser uses the policy it has kept.
        etag = b'"%s"' % _digest(body, repr(page_headers).encode())
        headers = (
            (b"content-type", _CONTENT_TYPES.get(suffix, _ANY_BYTES).encode()),
            (b"etag", etag),
            (b"cache-control", cache_control),
        )
        return cls(body, etag, headers + page_headers, cache_control)

    def answer(self, headers: Headers) -> Response:
        """Return the file, or 304 if the client's ``If-None-Match`` names it."""
        if _matches(joined(headers, b"if-none-match"), self.etag):
            kept = ((b"etag", self.etag), (b"cache-control", self.cache_control))
            return Response(304, kept, b"")
        return Response(200, self.headers, self.body)


class StaticFiles:
    """Every file of a folder, in memory.

    Args:
        folder: Where they are. Files in folders below it are served too; hidden ones are not.

    Attributes:
        version: The digest of all names and bytes, as it appears in the paths of immutable files.

    Raises:
        OSError: A file in it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bodies = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not _is_hidden(path.relative_to(folder))
        }
        parts = (part for name, body in bodies.items() for part in (name.encode(), body))
        self.version = _digest(*parts).decode()
        self._files: dict[str, StaticFile] = {}
        for name, body in bodies.items():
            if name.endswith(".html"):
                self._files[name] = StaticFile.of(name, self._refer_to_this_version(body))
            else:
                self._files[name] = StaticFile.of(name, body)
                pinned = StaticFile.of(name, body, _KEEP_FOR_EVER)
                self._files[f"{self.version}/{name}"] = pinned

    def find(self, name: str) -> StaticFile | None:
        """Return the file of exactly this name, e.g. ``chat.js``; so no path leads out."""
        return self._files.get(name)

    def page(self, name: str) -> StaticFile:
        """Return a file that must exist.

        Raises:
            FileNotFoundError: It does not.
        """
        if (file := self.find(name)) is None:
            missing = str(self._folder / name)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing)
        return file

    def _refer_to_this_version(self, page: bytes) -> bytes:
        return _REFERENCE.sub(rb"\g<1>%s%s/" % (URL_PREFIX.encode(), self.version.encode()), page)


def find_static_folder() -> Path:
    """Where the pages are: in the installed package, else at the root of the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "static"
    return installed if installed.is_dir() else package.parent / "static"


def _digest(*parts: bytes) -> bytes:
    """Hash some byte strings; their lengths are part of it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:32].encode()


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """Weak comparison, which is what this field asks for (RFC 9110 section 13.1.2)."""
    return if_none_match.strip() == b"*" or etag in _OPAQUE_TAG.findall(if_none_match)
