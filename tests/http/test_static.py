"""Static files: names, types, tags and caching."""

import gzip
from pathlib import Path

import brotli
import pytest

from trio_chat.http.static import StaticFile, StaticFiles

GZIP = (b"accept-encoding", b"gzip, deflate, br")

CODINGS = {
    b"gzip, deflate, br": b"br",
    b"*": b"br",
    b"br": b"br",
    b"br;q=0.5, gzip": b"gzip",
    b"br;q=0, *": b"gzip",
    b"gzip": b"gzip",
    b"br;q=0.5, identity": None,
    b"": None,
}
"""The coding for each ``Accept-Encoding`` where both exist."""


@pytest.fixture
def script(pages_folder: Path) -> StaticFile:
    return StaticFiles(pages_folder).page("chat.js")


def tag_of(file: StaticFile, *headers: tuple[bytes, bytes]) -> bytes:
    return dict(file.answer(headers).headers)[b"etag"]


@pytest.mark.parametrize(
    "name",
    [
        ".secret",
        ".git/config",
        "img",
        "",
        "../chat.html",
        "./chat.js",
        "img/../chat.js",
        "chat.js\x00",
    ],
)
def test_a_name_outside_the_folder_is_not_found(pages_folder: Path, name: str) -> None:
    assert StaticFiles(pages_folder).find(name) is None


def test_a_page_has_a_content_security_policy_and_a_script_none(
    pages_folder: Path, script: StaticFile
) -> None:
    headers = dict(StaticFiles(pages_folder).page("chat.html").answer(()).headers)
    assert set(headers[b"content-security-policy"].decode().split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "manifest-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types service-worker",
    }
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"cross-origin-opener-policy"] == b"same-origin"
    assert b"content-security-policy" not in dict(script.answer(()).headers)


@pytest.mark.parametrize("name", ["a.js", "a.html"])
def test_the_tag_is_strong_and_changes_with_the_bytes_of_a_file_or_its_script(
    tmp_path: Path, name: str
) -> None:
    tags = []
    (tmp_path / "a.html").write_text('<script src="/static/a.js"></script>')
    for text in "112":
        (tmp_path / "a.js").write_text(text)
        tags.append(tag_of(StaticFiles(tmp_path).page(name)))
    assert tags[0] == tags[1] != tags[2]
    assert tags[0].startswith(b'"')


def test_a_named_origin_may_frame_a_page_which_gets_another_tag(tmp_path: Path) -> None:
    for name in ("a.html", "a.js"):
        (tmp_path / name).write_text("1")
    alone = StaticFiles(tmp_path)
    framed = StaticFiles(tmp_path, ["https://a.test", "https://b.test"])
    policy = dict(framed.page("a.html").answer(()).headers)[b"content-security-policy"]
    assert b"frame-ancestors https://a.test https://b.test;" in policy
    assert tag_of(framed.page("a.html")) != tag_of(alone.page("a.html"))
    assert tag_of(framed.page("a.js")) == tag_of(alone.page("a.js"))


@pytest.fixture
def long_script(tmp_path: Path) -> StaticFile:
    (tmp_path / "a.js").write_text("let a;\n" * 100)
    return StaticFiles(tmp_path).page("a.js")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip, deflate, br", b"gzip"),
        (b"br;q=1.0, GZIP;q=0.8, *;q=0.1", b"gzip"),
        (b"*", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"gzip;q=0.5, identity;q=0.5", b"gzip"),
        (b"", None),
        (b"br", None),
        (b"gzip;q=0", None),
        (b"gzip;q=0.000, *", None),
        (b"*;q=0", None),
        (b"gzip;q=0.5, identity", None),
        (b"gzip;q=x", None),
        (b"gzip;level=9", None),
    ],
)
def test_text_is_compressed_for_a_client_that_prefers_that(
    long_script: StaticFile, accepted: bytes, coding: bytes | None
) -> None:
    response = long_script.answer(((b"accept-encoding", accepted),))
    headers = dict(response.headers)
    assert (headers.get(b"content-encoding"), headers[b"vary"]) == (coding, b"accept-encoding")
    body = gzip.decompress(response.body) if coding else response.body
    assert body == b"let a;\n" * 100


def test_pages_and_what_they_load_come_in_brotli_once_that_is_made(pages_folder: Path) -> None:
    (pages_folder / "chat.html").write_text("<p>a</p>\n" * 100)
    files = StaticFiles(pages_folder)
    page = files.page("chat.html")  # held from before, as routes do
    before = {accepted: page.answer(((b"accept-encoding", accepted),)) for accepted in CODINGS}
    files.add_brotli()
    for accepted, coding in CODINGS.items():
        response = page.answer(((b"accept-encoding", accepted),))
        headers = dict(response.headers)
        assert (headers.get(b"content-encoding"), headers[b"vary"]) == (coding, b"accept-encoding")
        assert (response == before[accepted]) == (coding != b"br")
        if coding == b"br":
            assert brotli.decompress(response.body) == page.plain.body
            assert headers[b"etag"] not in {dict(old.headers)[b"etag"] for old in before.values()}


def test_each_coding_has_its_own_tag(long_script: StaticFile) -> None:
    plain, compressed = tag_of(long_script), tag_of(long_script, GZIP)
    assert plain != compressed
    for given, status in ((compressed, 304), (b"W/" + compressed, 304), (plain, 200)):
        response = long_script.answer((GZIP, (b"if-none-match", given)))
        headers = dict(response.headers)
        assert (response.status, headers[b"etag"]) == (status, compressed)
        assert headers[b"vary"] == b"accept-encoding"


def test_a_file_that_gzip_makes_no_smaller_stays_as_it_is(
    pages_folder: Path, script: StaticFile
) -> None:
    for file in (script, StaticFiles(pages_folder).page("img/dot.png")):
        assert file.answer((GZIP,)) == file.answer(())
        assert b"vary" not in dict(file.answer(()).headers)


def test_a_versioned_file_is_immutable(pages_folder: Path) -> None:
    files = StaticFiles(pages_folder)
    pinned = files.page(f"{files.version}/chat.js")
    for headers in ((), ((b"if-none-match", tag_of(pinned)),)):
        kept = dict(pinned.answer(headers).headers)[b"cache-control"]
        assert kept == b"public, max-age=31536000, immutable"
    assert pinned.answer(()).body == files.page("chat.js").answer(()).body


@pytest.mark.parametrize(
    "form", [b"%s", b"W/%s", b'"x, y", W/"z",%s', b"\t%s , ", b"* ", b'"x"\n%s']
)
def test_a_cached_file_gets_304(script: StaticFile, form: bytes) -> None:
    value = form % tag_of(script) if b"%s" in form else form
    lines = tuple((b"if-none-match", line) for line in value.split(b"\n"))
    response = script.answer(lines)
    assert (response.status, response.body) == (304, b"")
    assert dict(response.headers) == {b"etag": tag_of(script), b"cache-control": b"no-cache"}


@pytest.mark.parametrize("value", [b"", b'"x"', b"x", b'"', b'"*"', b"W/*"])
def test_another_tag_gets_the_file(script: StaticFile, value: bytes) -> None:
    tag = tag_of(script)
    for given in (value, tag.strip(b'"')):
        response = script.answer(((b"if-none-match", given),))
        headers = dict(response.headers)
        assert (response.status, headers[b"etag"]) == (200, tag)
        assert headers[b"cache-control"] == b"no-cache"
