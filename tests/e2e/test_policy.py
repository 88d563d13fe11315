"""The pages consist of files of this server, without inline code."""

import re
from urllib.request import urlopen

import pytest

from tests.e2e.browser import Guard
from tests.e2e.conftest import OpenChat
from tests.support.server import ChatServer


@pytest.mark.parametrize("path", ["/", "/echo"])
def test_a_page_has_a_strict_policy_and_no_inline_code(server: ChatServer, path: str) -> None:
    with urlopen(server.page(path)) as answer:
        policy = answer.headers["Content-Security-Policy"]
        html = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", html) == []
    links = re.findall(r'\s(?:src|href)="([^"]*)"', html)
    assert links
    assert [link for link in links if not re.match(r"/(?!/)|#", link)] == []


def test_the_guard_of_all_tests_reports_each_kind_of_problem(
    open_chat: OpenChat, guard: Guard
) -> None:
    ann = open_chat()
    ann.page.evaluate("""() => {
      console.error("ours");
      setTimeout(() => { throw new Error("ours"); });
      document.body.append(Object.assign(new Image(), { src: "http://127.0.0.2:9/x.png" }));
    }""")

    def kinds() -> set[str]:
        return {problem.partition(":")[0] for problem in guard.problems}

    # A page that goes elsewhere reports nothing more.
    in_the_page = {"console error", "exception", "CSP"}
    ann.wait_for(lambda: in_the_page <= kinds(), "problems")
    with ann.page.expect_request("http://127.0.0.2:9/"):
        ann.page.evaluate("location.assign('http://127.0.0.2:9/')")
    found = kinds()
    guard.problems.clear()
    assert found == in_the_page | {"another host"}
