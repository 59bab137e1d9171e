"""The addresses for answers of custom resources: HTTPS on loopback, like CloudFormation's presigned S3 URLs."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import trustme


class Responses:
    """Answers of custom resources, each to an address of its own; the first answer to it counts.

    Args:
        authority: where to write the certificate that clients must trust (`SSL_CERT_FILE`).
    """

    def __init__(self, authority: Path) -> None:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(authority))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(context)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.responses = self  # type: ignore[attr-defined]
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._waiting: dict[str, threading.Event] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox-responses", daemon=True
        )
        self._thread.start()

    def address(self) -> str:
        """Make a new ResponseURL."""
        path = f"/{uuid4()}"
        self._waiting[path] = threading.Event()
        return f"https://127.0.0.1:{self._server.server_port}{path}"

    def wait(self, address: str, timeout_s: float) -> dict[str, Any] | None:
        """Wait for the answer to an address; None when the time is over."""
        path = "/" + address.rsplit("/", 1)[-1]
        self._waiting[path].wait(timeout_s)
        return self._answers.get(path)

    def answered(self, path: str, content: bytes) -> bool:
        """Take an answer; false for an unknown address."""
        if path not in self._waiting:
            return False
        self._answers.setdefault(path, json.loads(content))
        self._waiting[path].set()
        return True

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        responses: Responses = self.server.responses  # type: ignore[attr-defined]
        self.send_response(200 if responses.answered(self.path, content) else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the answer is what counts."""
