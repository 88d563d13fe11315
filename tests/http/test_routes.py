"""The answers of the routes."""

from pathlib import Path

import pytest

from tests.http.wire import Scene
from trio_chat.http.response import METHOD_NOT_ALLOWED, NOT_FOUND, Response
from trio_chat.http.routes import Readiness, Routes


@pytest.fixture
def routes(scene: Scene) -> Routes:
    return scene.routes()


def answer(routes: Routes, path: str) -> Response:
    response = routes.answer(b"GET", path, ())
    assert isinstance(response, Response)
    return response


HTML = b"text/html; charset=utf-8"
PLAIN = b"text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "body", "content_type", "caching"),
    [
        ("/", b"<title>chat</title>", HTML, b"no-cache"),
        ("/echo", b"<title>echo</title>", HTML, b"no-cache"),
        ("/static/chat.js", b"// gr\xc3\xbc", b"text/javascript; charset=utf-8", b"no-cache"),
        ("/static/img/dot.png", b"PNG", b"image/png", b"no-cache"),
        ("/static/data.bin", b"\x00\x01", b"application/octet-stream", b"no-cache"),
        ("/healthz", b"ok", PLAIN, b"no-store"),
        ("/readyz", b"ready", PLAIN, b"no-store"),
        ("/metrics", b"chat_connections 3", b"text/plain; version=0.0.4", b"no-store"),
    ],
)
def test_each_path_has_its_page(
    routes: Routes, path: str, body: bytes, content_type: bytes, caching: bytes
) -> None:
    response = answer(routes, path)
    assert response.status == 200
    assert body in response.body
    headers = dict(response.headers)
    assert (headers[b"content-type"], headers[b"cache-control"]) == (content_type, caching)
    assert routes.answer(b"HEAD", path, ()) == response


def test_healthz_next_answers_404_without_a_refusal(routes: Routes) -> None:
    assert answer(routes, "/healthz/next").status == 404


def test_readyz_answers_503_with_the_reason(scene: Scene, routes: Routes) -> None:
    scene.readiness = Readiness(ready=False, text="draining")
    response = answer(routes, "/readyz")
    assert (response.status, response.body) == (503, b"draining")
    assert answer(routes, "/healthz").status == 200


@pytest.mark.parametrize(
    "path", ["", "*", "/x", "/ECHO", "/echo/", "/static", "/static/", "/static/x", "/ws//", "//"]
)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_another_path_is_not_found(routes: Routes, method: bytes, path: str) -> None:
    assert routes.answer(method, path, ()) is NOT_FOUND


@pytest.mark.parametrize("path", ["/", "/static/chat.js", "/metrics", "/ws", "/ws/echo"])
@pytest.mark.parametrize("method", [b"POST", b"get", b"OPTIONS"])
def test_another_method_on_a_known_path_is_not_allowed(
    routes: Routes, method: bytes, path: str
) -> None:
    assert routes.answer(method, path, ()) is METHOD_NOT_ALLOWED
    assert METHOD_NOT_ALLOWED.headers == ((b"allow", b"GET, HEAD"),)


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/echo"])
def test_the_path_of_a_socket_has_no_page(routes: Routes, path: str) -> None:
    assert routes.answer(b"GET", path, ()) is None


def test_routes_need_both_pages(tmp_path: Path) -> None:
    (tmp_path / "chat.html").write_text("only this one")
    with pytest.raises(FileNotFoundError, match=r"echo\.html"):
        Scene(tmp_path).routes()


def test_readyz_reports_that_tokens_are_required(scene: Scene) -> None:
    auth = (b"chat-auth", b"token")
    assert auth not in answer(scene.routes(), "/readyz").headers
    scene.asks_for_tokens = True
    assert auth in answer(scene.routes(), "/readyz").headers
    scene.readiness = Readiness(ready=False, text="draining")
    assert auth in answer(scene.routes(), "/readyz").headers


@pytest.mark.parametrize("path", ["/static/chat.js", "/readyz"])
def test_pages_of_embedding_origins_may_read_modules_and_readiness(scene: Scene, path: str) -> None:
    assert b"vary" not in dict(answer(scene.routes(), path).headers)
    scene.embed_origins = ("https://a.test", "https://b.test:443")
    routes = scene.routes()
    tag = dict(answer(routes, path).headers).get(b"etag", b"*")
    for origin, allowed in (
        (b"https://a.test", b"https://a.test"),
        (b"https://b.test", b"https://b.test"),
        (b"http://a.test", None),
        (b"https://a.test.evil.test", None),
        (b"null", None),
    ):
        for more in ((), ((b"if-none-match", tag),)):
            response = routes.answer(b"GET", path, ((b"origin", origin), *more))
            assert isinstance(response, Response)
            headers = dict(response.headers)
            assert headers.get(b"access-control-allow-origin") == allowed
            assert headers[b"vary"] == b"origin"


def test_no_other_page_shares_anything(scene: Scene) -> None:
    scene.embed_origins = ("https://a.test",)
    for path in ("/", "/echo", "/metrics", "/healthz"):
        response = scene.routes().answer(b"GET", path, ((b"origin", b"https://a.test"),))
        assert isinstance(response, Response)
        assert not any(name.startswith(b"access-control") for name, _ in response.headers)
