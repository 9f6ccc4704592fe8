"""A server that speaks Lambda's Invoke API on a port of its own. Import as ``invoke_server``."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Response:
    """What the server answers: a JSON value, or the bytes of the body."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Seen:
    """One request."""

    path: str
    headers: dict[str, str]
    event: Any


@frozen(kw_only=True)
class InvokeServer:
    """The server and what it has seen."""

    url: str
    seen: list[Seen]


@contextlib.contextmanager
def serving(respond: Callable[[Any], Response]) -> Iterator[InvokeServer]:
    """Answer each event with what `respond` makes of it, until the context is left."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Seen(path=self.path, headers=headers, event=event))
            response = respond(event)
            body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(response.status)
                for name, value in {"Content-Length": str(len(body)), **response.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield InvokeServer(url=f"http://127.0.0.1:{server.server_port}", seen=seen)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
