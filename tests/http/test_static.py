"""Static files: names, types, tags and caching."""

from pathlib import Path

import pytest

from trio_chat.http import static
from trio_chat.http.static import StaticFile, StaticFiles, find_static_folder


@pytest.fixture
def script(pages_folder: Path) -> StaticFile:
    return StaticFiles(pages_folder).page("chat.js")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("chat.html", b"text/html; charset=utf-8"),
        ("chat.js", b"text/javascript; charset=utf-8"),
        ("img/dot.png", b"image/png"),
        ("data.bin", b"application/octet-stream"),
    ],
)
def test_a_file_has_the_type_of_its_suffix(
    pages_folder: Path, name: str, content_type: bytes
) -> None:
    response = StaticFiles(pages_folder).page(name).answer(())
    assert response.status == 200
    assert response.body == (pages_folder / name).read_bytes()
    assert dict(response.headers)[b"content-type"] == content_type


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


def test_a_message_names_a_missing_page(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"chat\.html"):
        StaticFiles(tmp_path / "nowhere").page("chat.html")


def test_a_page_has_a_content_security_policy_and_a_script_none(
    pages_folder: Path, script: StaticFile
) -> None:
    headers = dict(StaticFiles(pages_folder).page("chat.html").headers)
    assert set(headers[b"content-security-policy"].decode().split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    }
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"cross-origin-opener-policy"] == b"same-origin"
    assert b"content-security-policy" not in dict(script.headers)


@pytest.mark.parametrize("name", ["a.js", "a.html"])
def test_the_tag_is_strong_and_changes_with_the_bytes_of_a_file_or_its_script(
    tmp_path: Path, name: str
) -> None:
    tags = []
    (tmp_path / "a.html").write_text('<script src="/static/a.js"></script>')
    for text in "112":
        (tmp_path / "a.js").write_text(text)
        tags.append(StaticFiles(tmp_path).page(name).etag)
    assert tags[0] == tags[1] != tags[2]
    assert tags[0].startswith(b'"')


def test_the_tag_of_a_page_changes_with_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.html", "a.js"):
        (tmp_path / name).write_text("1")
    before = StaticFiles(tmp_path)
    monkeypatch.setattr(static, "_PAGE_HEADERS", ((b"content-security-policy", b"new"),))
    after = StaticFiles(tmp_path)
    assert after.page("a.html").etag != before.page("a.html").etag
    assert after.page("a.js").etag == before.page("a.js").etag


def test_a_versioned_file_is_immutable(pages_folder: Path) -> None:
    files = StaticFiles(pages_folder)
    pinned = files.page(f"{files.version}/chat.js")
    for headers in ((), ((b"if-none-match", pinned.etag),)):
        kept = dict(pinned.answer(headers).headers)[b"cache-control"]
        assert kept == b"public, max-age=31536000, immutable"
    assert pinned.body == files.page("chat.js").body


def test_the_version_changes_with_any_name_and_any_byte(tmp_path: Path) -> None:
    versions = set()
    for name, text in (("a.js", "12"), ("a.js", "1"), ("b.js", "1"), ("a.js1", "")):
        (file := tmp_path / name).write_text(text)
        files = StaticFiles(tmp_path)
        assert files.find(f"{files.version}/{name}")
        versions.add(files.version)
        file.unlink()
    assert len(versions) == 4


def test_a_page_refers_to_versioned_files_and_has_no_version(tmp_path: Path) -> None:
    page = '<a href="/echo" title="/static/a.js"><img src="/static/a.svg">/static/a.svg</a>'
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "a.svg").write_text("1")
    files = StaticFiles(tmp_path)
    pinned = page.replace('src="/static/', f'src="/static/{files.version}/')
    assert files.page("a.html").body.decode() == pinned
    assert dict(files.page("a.html").headers)[b"cache-control"] == b"no-cache"
    assert files.find(f"{files.version}/a.html") is None


@pytest.mark.parametrize(
    "form", [b"%s", b"W/%s", b'"x, y", W/"z",%s', b"\t%s , ", b"* ", b'"x"\n%s']
)
def test_a_cached_file_gets_304(script: StaticFile, form: bytes) -> None:
    value = form % script.etag if b"%s" in form else form
    lines = tuple((b"if-none-match", line) for line in value.split(b"\n"))
    response = script.answer(lines)
    assert (response.status, response.body) == (304, b"")
    assert dict(response.headers) == {b"etag": script.etag, b"cache-control": b"no-cache"}


@pytest.mark.parametrize("value", [b"", b'"x"', b"x", b'"', b'"*"', b"W/*"])
def test_another_tag_gets_the_file(script: StaticFile, value: bytes) -> None:
    for tag in (value, script.etag.strip(b'"')):
        response = script.answer(((b"if-none-match", tag),))
        headers = dict(response.headers)
        assert (response.status, headers[b"etag"]) == (200, script.etag)
        assert headers[b"cache-control"] == b"no-cache"


def test_the_pages_are_in_the_package_or_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "__file__", str(tmp_path / "trio_chat" / "http" / "static.py"))
    assert find_static_folder() == tmp_path / "static"
    (tmp_path / "trio_chat" / "static").mkdir(parents=True)
    assert find_static_folder() == tmp_path / "trio_chat" / "static"
