"""A web server on this machine that behaves and misbehaves as servers of large files do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 8192  # 2 MiB: several chunks


@dataclass
class Site:
    """What the server was asked for, and what it does by the first part of the path.

    Kinds: `good` (with ranges), `noranges`, `short` and `shortnoranges` (an answer ends after half a MiB),
    `other` (wrong bytes), `gone` (404), `busy` (503), `login` (a web page),
    `astray` (answers ranges with another part).
    """

    url: str
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range header) of every request."""
    content: bytes = CONTENT
    pages: dict[str, bytes] = field(default_factory=dict)
    """Web pages by path, beside the kinds."""
    gate: Callable[[int], None] | None = None
    """Called with the number of bytes sent, before the next ones."""

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [wanted for _, wanted in self.asked]

    @property
    def kinds(self) -> list[str]:
        """The first part of the path of every request."""
        return [path.split("/")[1] for path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        # Through a proxy, the whole address stands where the path does otherwise.
        path = "/" + self.path.removeprefix("http://").partition("/")[2]
        self.site.asked.append((self.path if self.path.startswith("http") else path, wanted))
        kind = path.split("/")[1]
        if path in self.site.pages:
            self._send(200, self.site.pages[path], {"Content-Type": "text/html"})
            return
        if kind in ("gone", "busy"):
            self.send_error({"gone": 404, "busy": 503}[kind])
            return
        if kind == "login":
            self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html; charset=utf-8"})
            return
        content = self.site.content
        body = content[::-1] if kind == "other" else content
        if wanted and kind not in ("noranges", "shortnoranges"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            place = start + 1 if kind == "astray" else start
            headers = {"Content-Range": f"bytes {place}-{len(body) - 1}/{len(body)}"}
            self._send(206, body[start:], headers, kind)
        else:
            self._send(200, body, {}, kind)

    def _send(self, status: int, body: bytes, headers: dict[str, str], kind: str = "good") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        body = body[: 1 << 19] if kind.startswith("short") else body
        step = 1 << 16
        try:
            for start in range(0, len(body), step):
                if self.site.gate is not None:
                    self.site.gate(start)
                self.wfile.write(body[start : start + step])
        except OSError:
            return  # the other side has hung up

    def log_message(self, *_: object) -> None:
        """Silence."""


@contextmanager
def serving() -> Iterator[Site]:
    """A server for as long as the block lasts."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        handler.site = site = Site(f"http://127.0.0.1:{httpd.server_port}")
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield site
        finally:
            httpd.shutdown()
            thread.join()
