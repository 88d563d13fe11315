"""Reading the folder of the pages, and what the server makes of a page."""

from pathlib import Path

import pytest

from trio_chat.errors import StartError
from trio_chat.pages import site
from trio_chat.pages.site import find_static_folder, read_site


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_the_version_changes_with_any_name_and_any_byte(tmp_path: Path) -> None:
    versions = set()
    for name, text in (("a.js", "12"), ("a.js", "1"), ("b.js", "1"), ("a.js1", ""), ("a.html", "")):
        (file := tmp_path / name).write_text(text)
        versions.add(read_site(tmp_path).version)
        file.unlink()
    assert len(versions) == 5


def test_a_page_refers_to_versioned_files(tmp_path: Path) -> None:
    page = '<a href="/echo" title="/static/a.js"><img src="/static/a.svg">/static/a.svg</a>'
    write(tmp_path, a_html=page, a_svg="1")
    made = read_site(tmp_path)
    pinned = page.replace('src="/static/', f'src="/static/{made.version}/')
    assert made.pages == {"a.html": pinned.encode()}
    assert made.files == {"a.svg": b"1"}


def test_a_page_gets_one_style_sheet_and_one_script(tmp_path: Path) -> None:
    page = """
  <link rel="stylesheet" href="/static/css/a.css">
  <link rel="stylesheet" href="/static/css/b.css">
  <script src="/static/js/early.js"></script>
  <script type="module" src="/static/js/main.js"></script>
"""
    write(
        tmp_path,
        chat_html=page,
        css__a_css="/* a comment */\na {}\n",
        css__b_css="b {}\n",
        js__early_js="early(); // a comment\n",
        js__main_js='import { b } from "./b.js";\nb();\n',
        js__b_js="export function b() {}\n",
    )
    made = read_site(tmp_path)
    at = f"/static/{made.version}/page"
    assert (
        made.pages["chat.html"].decode().split()
        == (
            f'<link rel="stylesheet" href="{at}/chat.css">'
            f' <script src="{at}/early.js"></script>'
            f' <script type="module" src="{at}/main.js"></script>'
        ).split()
    )
    assert made.files["page/chat.css"] == b"/* css/a.css */\na{}\n/* css/b.css */\nb{}\n"
    assert made.files["page/main.js"].endswith(b"\nb();\n\n")
    assert made.files["page/early.js"] == b"// js/early.js\nearly(); \n"
    assert made.files["js/b.js"] == b"export function b() {}\n"


@pytest.mark.parametrize("style", ["", '@import "x.css";', '@charset "utf-8";'])
def test_a_style_sheet_that_cannot_be_joined_stops_the_start(tmp_path: Path, style: str) -> None:
    write(tmp_path, a_html='<link rel="stylesheet" href="/static/a.css">')
    if style:
        write(tmp_path, a_css=style)
    with pytest.raises(StartError, match=r"a\.css"):
        read_site(tmp_path)


def test_the_pages_are_in_the_package_or_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "__file__", str(tmp_path / "trio_chat" / "pages" / "site.py"))
    assert find_static_folder() == tmp_path / "static"
    (tmp_path / "trio_chat" / "static").mkdir(parents=True)
    assert find_static_folder() == tmp_path / "trio_chat" / "static"
