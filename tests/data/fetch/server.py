"""A small web server that can misbehave: no ranges, broken off, wrong bytes, silence, redirects."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Headers = dict[str, str]


@dataclass
class Page:
    """What a path answers."""

    data: bytes = b""
    ranges: bool = True
    version: str | None = '"1"'
    breaks_at: list[int] = field(default_factory=list)  # a number of bytes for each of the first answers
    silent_at: list[int] = field(default_factory=list)  # likewise, and the connection stays open
    statuses: list[int] = field(default_factory=list)  # of the first answers
    redirect: str | None = None
    shifted: int = 0  # bytes by which a range is answered wrongly


@dataclass
class Server:
    """Pages by path, and every request it has seen."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    seen: list[tuple[str, Headers]] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    def add(self, path: str, data: bytes = b"", **how: Any) -> str:
        self.pages[path] = Page(data, **how)
        return self.url + path

    def ranges_asked(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.seen]


def handler_of(server: list[Server]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *what: object) -> None:
            pass

        def do_GET(self) -> None:
            here = server[0]
            here.seen.append((self.path, dict(self.headers)))
            page = here.pages.get(self.path)
            if page is None:
                return self.plain(404)
            if page.redirect is not None:
                return self.plain(302, {"Location": page.redirect})
            if page.statuses:
                return self.plain(page.statuses.pop(0))
            return self.answer(page, here)

        def plain(self, status: int, headers: Headers | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()

        def answer(self, page: Page, here: Server) -> None:
            start = self.start(page)
            if start >= len(page.data) > 0:
                return self.plain(416)
            body = page.data[start:]
            self.send_response(206 if start else 200)
            if start:
                first = start + page.shifted
                self.send_header("Content-Range", f"bytes {first}-{len(page.data) - 1}/{len(page.data)}")
            if page.version is not None:
                self.send_header("ETag", page.version)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if page.silent_at:
                self.wfile.write(body[: page.silent_at.pop(0)])
                self.wfile.flush()
                here.stop.wait(10)
                self.close_connection = True
            elif page.breaks_at:
                self.wfile.write(body[: page.breaks_at.pop(0)])
                self.close_connection = True
            else:
                self.wfile.write(body)
            return None

        def start(self, page: Page) -> int:
            asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range", page.version) == page.version
            return int(asked[1]) if asked and page.ranges and same else 0

    return Handler


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of this machine until the end of the block."""
    box: list[Server] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(box)) as http:
        http.daemon_threads = True
        box.append(Server(f"http://127.0.0.1:{http.server_port}"))
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield box[0]
        finally:
            box[0].stop.set()
            http.shutdown()
            thread.join()
