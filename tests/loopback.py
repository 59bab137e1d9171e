"""An HTTP service on loopback, for the answers of AWS that moto cannot give."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int | None, Mapping[str, str], Any]
"""Status, headers, document; a status of None breaks the connection off before an answer."""


@contextmanager
def served(answer: Callable[[str, Mapping[str, str], Any], Answer]) -> Iterator[str]:
    """Serve what `answer` says of a request's path, headers and JSON document; gives the service's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for the client's delayed acknowledgement

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, document = answer(self.path, dict(self.headers), json.loads(body or b"{}"))
            if status is None:
                self.close_connection = True
                return
            content = json.dumps(document or {}).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
