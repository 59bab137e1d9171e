"""One function as a process of its own, driven through the Lambda Runtime API by AWS's own client.

The process runs `awslambdaric` in the function's unpacked code and asks a small server on
loopback for its next invocation, as it would in Lambda. The declared layer is not used: its
compiled wheels are for the function's own Python and architecture, which the interpreter of
this machine cannot import; the dependencies come from the environment that runs the sandbox.
"""

import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

_LONGEST_START_S = 60.0


@dataclass(frozen=True)
class FunctionSpec:
    """A function as declared: what runs, with what environment, within what limits (seconds, MB)."""

    account: str
    region: str
    name: str
    arn: str
    role: str
    handler: str
    runtime: str
    environment: Mapping[str, str]
    timeout_s: float
    memory_mb: int
    code: bytes = field(repr=False)
    code_sha: str
    reserved: int | None = None

    @property
    def names(self) -> set[str]:
        """The names by which a fault may refer to it: its name, and the module of its entry point (`process`)."""
        return {self.name, *self.handler.split(".")[-2:-1]}

    @property
    def version(self) -> str:
        """A text that changes whenever a warm process must not be used any more."""
        return repr((self.code_sha, self.handler, sorted(self.environment.items()), self.timeout_s, self.memory_mb))


@dataclass(frozen=True)
class InvocationResult:
    """The result of an invocation: a JSON payload, and whether it is an error document."""

    payload: bytes
    failed: bool = False


class FunctionProcess:
    """One warm process with the Runtime API server that it alone speaks to."""

    working: Callable[[], AbstractContextManager[None]] = staticmethod(nullcontext)
    """Entered while it works on an invocation, its start not included."""

    def __init__(
        self, spec: FunctionSpec, root: Path, environment: Mapping[str, str], log: Callable[[str], None]
    ) -> None:
        self.version = spec.version
        self._invocations: queue.Queue[_Invocation | None] = queue.Queue()
        self._current: _Invocation | None = None
        self._server = _RuntimeServer(("127.0.0.1", 0), _RuntimeApi)
        self._server.process = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        # `-m` puts the working directory first on the path: the unpacked code wins over any
        # installed copy of the same packages.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", spec.handler],
            cwd=root,
            env={
                **environment,
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
                "LAMBDA_TASK_ROOT": str(root),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._child.stdout is not None
        self._output = _Output(self._child.stdout, log)
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def run(self, spec: FunctionSpec, payload: bytes, crash: str | None) -> InvocationResult:
        """Hand the process one invocation and wait: for its answer, its death or the time limit."""
        if crash == "before":
            self.kill()
            return _exit_error("signal: killed")
        invocation = _Invocation(payload, spec.arn, spec.timeout_s)
        self._current = invocation
        if not self.alive:
            invocation.finish(_exit_error(f"exit status {self._child.returncode}"))
        self._invocations.put(invocation)
        # As in Lambda, the function's own limit does not run while it is being imported.
        invocation.taken.wait(_LONGEST_START_S)
        with self.working():
            answered = invocation.done.wait(spec.timeout_s)
        if not answered:
            invocation.finish(_error("Sandbox.Timedout", f"Error: Task timed out after {spec.timeout_s:.2f} seconds"))
            self.kill()
        self._output.read()
        if crash == "after":
            self.kill()
            return _exit_error("signal: killed")
        assert invocation.answer is not None
        return invocation.answer

    def kill(self) -> None:
        if self.alive:
            self._child.kill()
        self._child.wait()
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> "_Invocation | None":
        """Wait for the next invocation; None when the process is to end."""
        return self._invocations.get()

    def answered(self, answer: InvocationResult) -> None:
        """Take the answer of the invocation that runs."""
        if self._current:
            self._current.finish(answer)

    def _watch(self) -> None:
        self._output.read_to_the_end()
        status = self._child.wait()
        self.answered(_exit_error(f"exit status {status}" if status >= 0 else "signal: killed"))


class _Output:
    """The output of a process, line by line; several threads may read on."""

    def __init__(self, pipe: IO[bytes], log: Callable[[str], None]) -> None:
        self._pipe, self._log = pipe, log
        self._descriptor = pipe.fileno()
        self._rest = b""
        self._ended = False
        self._lock = threading.Lock()

    def read(self) -> None:
        """Log everything written so far: a line that was printed before the answer is there with it."""
        with self._lock:
            while not self._ended and self._poller().poll(0):
                content = os.read(self._descriptor, 65536)
                *lines, self._rest = (self._rest + content).split(b"\n")
                if not content:
                    self._ended = True
                    self._pipe.close()
                    lines = [self._rest] if self._rest else []
                for line in lines:
                    self._log(line.decode(errors="replace"))

    def read_to_the_end(self) -> None:
        """Log what comes until the process closes its output."""
        while not self._ended:
            self._poller().poll()
            self.read()

    def _poller(self) -> select.poll:
        """Make one for each use: two threads cannot wait on the same poller."""
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        return poller


class _Invocation:
    """One request of a function and, in the end, its answer; the first answer stands."""

    def __init__(self, payload: bytes, arn: str, timeout_s: float) -> None:
        self.id = str(uuid.uuid4())
        self.payload, self.arn, self.timeout_s = payload, arn, timeout_s
        self.answer: InvocationResult | None = None
        self.taken, self.done = threading.Event(), threading.Event()

    def finish(self, answer: InvocationResult) -> None:
        if self.answer is None:
            self.answer = answer
            self.taken.set()
            self.done.set()


class _RuntimeServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that is killed leaves its connection broken; `_watch` sees its end."""


class _RuntimeApi(BaseHTTPRequestHandler):
    """The Lambda Runtime API (2018-06-01) as the runtime client uses it."""

    protocol_version = "HTTP/1.1"
    # Headers and body go out in two pieces; the second would wait 40 ms for the first's receipt.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        invocation = self._process.next()
        if invocation is None:
            self.close_connection = True
            return
        invocation.taken.set()
        deadline = time.time() + invocation.timeout_s
        self._send(
            200,
            invocation.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        content = self._body()
        self._process.answered(InvocationResult(content, failed=self.path.endswith("/error")))
        self._send(202, b'{"status":"OK"}\n', {})

    def log_message(self, format: str, *args: Any) -> None:
        """The function's own lines are log enough."""

    @property
    def _process(self) -> FunctionProcess:
        process: FunctionProcess = self.server.process  # type: ignore[attr-defined]
        return process

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _exit_error(how: str) -> InvocationResult:
    return _error("Runtime.ExitError", f"Error: Runtime exited with error: {how}")


def _error(kind: str, message: str) -> InvocationResult:
    """Make an error document in the form that Lambda gives to errors outside the handler."""
    return InvocationResult(
        json.dumps({"errorType": kind, "errorMessage": f"RequestId: {uuid.uuid4()} {message}"}).encode(), True
    )
