"""The files of the web pages, served from memory.

Each file has two names. ``/static/js/chat.js`` is the current file, so a browser revalidates it
each time. ``/static/DIGEST/js/chat.js`` never changes, so a browser caches it. The digest covers
all files, and the pages refer to the second name (`trio_chat.pages.site`). Text is compressed once:
with gzip at start, and what the pages load with brotli half a minute later, if that is installed.
"""

import errno
import gzip
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import trio
from attrs import define, field

from trio_chat.http.request import joined, members
from trio_chat.http.response import Headers, Response
from trio_chat.pages.site import digest, read_site

# At start: later there may be no descriptor left to open the module.
try:
    import brotli
except ImportError:  # it is an extra
    brotli = None

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

_COMPRESSED: Final = (".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest")
"""Suffixes of text; images and fonts are compressed already."""

_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self'; "
    "manifest-src 'self'; "
    "connect-src 'self'; "  # this host's ws: and wss: too (CSP level 3)
    "base-uri 'none'; "
    "form-action 'none'; "  # scripts read the forms; no form is submitted
    "frame-ancestors {ancestors}; "
    "require-trusted-types-for 'script'; "  # no text ever becomes markup or code
    "trusted-types service-worker"  # one policy, which trusts the address of /sw.js (install.js)
)

_ASK_EACH_TIME: Final = b"no-cache"
"""Browsers keep the file but revalidate it: a 304 is the price of seeing a new version at once."""

_KEEP_FOR_EVER: Final = b"public, max-age=31536000, immutable"
"""A year is the longest common age of caches (RFC 9111 section 1.2.2)."""

BROTLI_AFTER_SECONDS: Final = 30.0
"""From the start: clients that reconnect after a restart come first."""

_OPAQUE_TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')

_KEPT_BY_304: Final = frozenset({b"etag", b"cache-control", b"vary"})
"""The fields of a 200 that a 304 repeats (RFC 9110 section 15.4.5)."""

_WEIGHT: Final = re.compile(rb"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


@define
class StaticFile:
    """One file under one name.

    Attributes:
        plain: The response of a 200 without compression; its ``ETag`` is a strong validator.
        coded: The same by content coding, the best first; empty if gzip makes it no smaller.
    """

    plain: Response = field(repr=False)
    coded: Mapping[bytes, Response] = field(repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        body: bytes,
        small: bytes,
        cache_control: bytes = _ASK_EACH_TIME,
        more_headers: Headers = (),
    ) -> "StaticFile":
        """Return a file.

        Args:
            name: Its suffix decides the content type.
            body: The content.
            small: The content in gzip.
            cache_control: The ``Cache-Control`` field.
            more_headers: Further fields.
        """
        suffix = PurePosixPath(name).suffix.lower()
        # The digest covers the policy too: after a 304 a browser uses the cached policy.
        tag = digest(body, repr(more_headers).encode()).encode()
        is_smaller = len(small) < len(body)
        headers = (
            (b"content-type", _CONTENT_TYPES.get(suffix, b"application/octet-stream")),
            (b"cache-control", cache_control),
            *(((b"vary", b"accept-encoding"),) if is_smaller else ()),
            *more_headers,
        )
        file = cls(Response(200, ((b"etag", b'"%s"' % tag), *headers), body), {})
        if is_smaller:
            file.add_coding(b"gzip", small)
        return file

    def add_coding(self, coding: bytes, small: bytes) -> None:
        """Add a content coding, better than those it has; in any thread."""
        (_, tag), *headers = self.plain.headers
        own = ((b"etag", b'%s-%s"' % (tag[:-1], coding)), (b"content-encoding", coding))
        # A new mapping: another thread may be reading the old one.
        self.coded = {coding: Response(200, (*own, *headers), small), **self.coded}

    def answer(self, headers: Headers) -> Response:
        """Return the file as the client accepts it; 304 if its ``If-None-Match`` names that."""
        coded = self.coded
        chosen = coded.get(_preferred(coded, headers), self.plain)
        (_, etag), *_ = chosen.headers
        tags = joined(headers, b"if-none-match")
        # This field compares weakly (RFC 9110 section 13.1.2).
        if tags.strip() == b"*" or etag in _OPAQUE_TAG.findall(tags):
            kept = tuple(one for one in chosen.headers if one[0] in _KEPT_BY_304)
            return Response(304, kept, b"")
        return chosen


class StaticFiles:
    """Holds every file of a folder in memory.

    Args:
        folder: The folder, including subfolders; hidden files are skipped.
        embed_origins: The origins whose pages may show the pages in a frame, and read the files.

    Attributes:
        embed_origins: As given.
        version: The digest of all files, part of the paths of immutable files.

    Raises:
        OSError: A file is unreadable.
        StartError: The modules of a page cannot be bundled.
    """

    def __init__(self, folder: Path, embed_origins: Collection[str] = ()) -> None:
        self._folder = folder
        self.embed_origins = embed_origins
        site = read_site(folder)
        self.version = site.version
        self._files: dict[str, StaticFile] = {}
        for name, body in site.files.items():
            small = _compressed(name, body)
            self._files[name] = StaticFile.of(name, body, small)
            pinned = StaticFile.of(name, body, small, _KEEP_FOR_EVER)
            self._files[f"{self.version}/{name}"] = pinned
        headers = _page_headers(embed_origins)
        for name, body in site.pages.items():
            small = _compressed(name, body)
            self._files[name] = StaticFile.of(name, body, small, more_headers=headers)
        scripts_and_styles = (name for name in site.files if name.startswith("page/"))
        self._loaded = (*(f"{self.version}/{name}" for name in scripts_and_styles), *site.pages)

    def add_brotli(self) -> None:
        """Compress the pages and what they load with brotli too, if it is installed.

        It takes half a second of processor time. Until then clients get gzip.
        """
        if brotli is None:
            return
        for name in self._loaded:
            file = self._files[name]
            if file.coded:
                file.add_coding(b"br", brotli.compress(file.plain.body))

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


async def add_brotli(pages: StaticFiles) -> None:
    """Add brotli in a thread, once the busy seconds of a start are over. A cancellation ends it."""
    await trio.sleep(BROTLI_AFTER_SECONDS)
    await trio.to_thread.run_sync(pages.add_brotli, abandon_on_cancel=True)


def _page_headers(embed_origins: Collection[str]) -> Headers:
    policy = _CONTENT_SECURITY_POLICY.format(ancestors=" ".join(embed_origins) or "'none'")
    return (
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        # A page that opened this one loses access to its window, and so cannot give it another
        # token. Browsers ignore this field in a frame.
        (b"cross-origin-opener-policy", b"same-origin"),
    )


def _compressed(name: str, body: bytes) -> bytes:
    return gzip.compress(body, mtime=0) if name.endswith(_COMPRESSED) else body


def _preferred(codings: Collection[bytes], headers: Headers) -> bytes:
    """Return the coding that the client prefers, or ``identity`` (RFC 9110 section 12.5.3).

    Args:
        codings: Those that exist. The client gets the first of those it likes equally.
        headers: Of the request.
    """
    weights: dict[bytes, float] = {}
    for member in members(headers, b"accept-encoding"):
        coding, *parameters = member.split(b";")
        weight = _WEIGHT.fullmatch(b";".join(parameters)) if parameters else None
        weights[coding.strip().lower()] = float(weight[1]) if weight else float(not parameters)
    weights.setdefault(b"gzip", weights.get(b"x-gzip", weights.get(b"*", 0)))
    weights.setdefault(b"br", weights.get(b"*", 0))
    least = weights.get(b"identity", 0)
    wanted = [one for one in codings if weights[one] > 0 and weights[one] >= least]
    return max(wanted, key=weights.__getitem__, default=b"identity")
