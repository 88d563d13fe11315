"""The paths of the server and their answers (docs/reference/http.md)."""

from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from trio_chat.http.access import sharing_headers
from trio_chat.http.response import METHOD_NOT_ALLOWED, NOT_FOUND, Headers, Response
from trio_chat.http.static import StaticFiles
from trio_chat.pages.site import URL_PREFIX
from trio_chat.protocol.handshake import Refusal

SOCKET_PATHS: Final = frozenset({"/ws", "/ws/", "/ws/echo"})
"""The chat, under two names, and the echo server: the paths that upgrade."""

_AT_THE_ROOT: Final = ("manifest.webmanifest", "sw.js")
"""Files for installing the page. A service worker controls only addresses below its own."""

_AUTH: Final = ((b"chat-auth", b"token"),)

Page = Callable[[Headers], Response]


@frozen
class Readiness:
    """Whether ``/readyz`` answers 200 or 503, and its text, e.g. ``ready`` or ``draining``."""

    ready: bool
    text: str


class Routes:
    """The pages, the probes and the metrics.

    Args:
        pages: The files, including ``chat.html`` and ``echo.html``.
        readiness: Called for each ``/readyz``.
        metrics_text: Called for each ``/metrics``.
        metrics_content_type: The content type of that text.
        asks_for_tokens: Whether ``/readyz`` reports that sockets need a token. A page cannot see
            the HTTP status of its refused socket, so it looks there.

    Raises:
        FileNotFoundError: One of the two pages is missing.
    """

    def __init__(
        self,
        *,
        pages: StaticFiles,
        readiness: Callable[[], Readiness],
        metrics_text: Callable[[], bytes],
        metrics_content_type: str,
        asks_for_tokens: bool = False,
    ) -> None:
        self._pages = pages
        self._readiness = readiness
        self._metrics_text = metrics_text
        self._metrics_content_type = metrics_content_type
        self._auth = _AUTH if asks_for_tokens else ()
        self._fixed: dict[str, Page] = {
            "/": pages.page("chat.html").answer,
            "/echo": pages.page("echo.html").answer,
            **{f"/{name}": file.answer for name in _AT_THE_ROOT if (file := pages.find(name))},
            "/healthz": lambda _headers: _uncached(200, "ok"),
            # A proxy that passes 404 on to the next node asks all nodes this way
            # (docs/deploy/nginx.conf). It does not count as a refusal.
            "/healthz/next": lambda _headers: _uncached(404, "ask the next node"),
            "/readyz": self._answer_readiness,
            "/metrics": self._answer_metrics,
        }

    def answer(self, method: bytes, path: str, headers: Headers) -> Response | Refusal | None:
        """Answer a request with a decoded path.

        Returns:
            The response, for HEAD the same as for GET; or a refusal; or None for the path of a
            socket, which accepts only upgrades.
        """
        page = self._fixed.get(path)
        if path.startswith(URL_PREFIX) and (file := self._pages.find(path[len(URL_PREFIX) :])):
            page = file.answer
        if page is None and path not in SOCKET_PATHS:
            return NOT_FOUND
        if method not in {b"GET", b"HEAD"}:
            return METHOD_NOT_ALLOWED
        response = page(headers) if page else None
        if response is not None and path.startswith((URL_PREFIX, "/readyz")):
            shared = sharing_headers(headers, self._pages.embed_origins)
            return evolve(response, headers=(*response.headers, *shared)) if shared else response
        return response

    def _answer_readiness(self, _headers: Headers) -> Response:
        readiness = self._readiness()
        return _uncached(200 if readiness.ready else 503, readiness.text, *self._auth)

    def _answer_metrics(self, _headers: Headers) -> Response:
        return _uncached(200, self._metrics_text(), content_type=self._metrics_content_type)


def _uncached(
    status: int,
    body: str | bytes,
    *more: tuple[bytes, bytes],
    content_type: str = "text/plain; charset=utf-8",
) -> Response:
    headers = ((b"content-type", content_type.encode()), (b"cache-control", b"no-store"), *more)
    return Response(status, headers, body.encode() if isinstance(body, str) else body)
