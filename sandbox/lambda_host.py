"""Functions as processes of their own, kept warm, driven through the Lambda Runtime API by AWS's own client.

Each process runs `awslambdaric` in the function's unpacked code and asks a small server on
loopback for its next invocation, as it would in Lambda. The declared layer is not used: its
compiled wheels are for the function's own Python and architecture, which the interpreter of
this machine cannot import; the dependencies come from the environment that runs the sandbox.
"""

import io
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Processes of one function at a time, unless it reserves fewer; further invocations wait.
MOST_PROCESSES = 4
_LONGEST_START_S = 60.0
_KEPT_FROM_THE_MACHINE = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "SYSTEMROOT")


@dataclass(frozen=True)
class Spec:
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
        """By what a fault may call it: its name, and the module of its entry point (`process`)."""
        return {self.name, *self.handler.split(".")[-2:-1]}

    @property
    def version(self) -> str:
        """Changes whenever a warm process must not be used any more."""
        return repr((self.code_sha, self.handler, sorted(self.environment.items()), self.timeout_s, self.memory_mb))


@dataclass(frozen=True)
class Answer:
    """What an invocation came to: a JSON payload, and whether it is an error document."""

    payload: bytes
    failed: bool = False


class Throttled(Exception):
    """The function's reserved concurrency is used up."""


class Functions:
    """All functions' processes.

    Args:
        environment: what a process needs to live in the cloud, for a function's spec; it wins over
            what the function declares, as Lambda's reserved variables do.
        log: told every line a process writes: spec, stream name, line.
        crash: whether the process of the function is to die: `before`, `after` or None.
    """

    def __init__(
        self,
        environment: Callable[[Spec], Mapping[str, str]],
        log: Callable[[Spec, str, str], None],
        crash: Callable[[set[str]], str | None],
    ) -> None:
        self._environment, self._log, self._crash = environment, log, crash
        self._pools: dict[tuple[str, str, str], _Pool] = {}
        self._code: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._home = Path(tempfile.mkdtemp(prefix="orgsync-functions-"))

    def invoke(self, spec: Spec, payload: bytes, *, wait: bool) -> Answer:
        """Run the function once and wait for its answer.

        Args:
            wait: for a free process when the reserved concurrency is used up (asynchronous
                invocations are queued by Lambda), instead of being throttled.

        Raises:
            Throttled: there is no free process, and `wait` is false.
        """
        pool = self._pool(spec)
        process = pool.take(spec, wait=wait)
        try:
            return process.run(spec, payload, self._crash(spec.names))
        finally:
            pool.give_back(process)

    def close(self) -> None:
        """End every process and remove the unpacked code."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _pool(self, spec: Spec) -> "_Pool":
        with self._lock:
            key = (spec.account, spec.region, spec.name)
            if key not in self._pools:
                self._pools[key] = _Pool(self._started)
            return self._pools[key]

    def _started(self, spec: Spec) -> "_Process":
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        inherited = {name: os.environ[name] for name in _KEPT_FROM_THE_MACHINE if name in os.environ}
        environment = (
            inherited | dict(spec.environment) | dict(self._environment(spec)) | _lambda_variables(spec, stream)
        )
        return _Process(spec, self._unpacked(spec), environment, lambda line: self._log(spec, stream, line))

    def _unpacked(self, spec: Spec) -> Path:
        with self._lock:
            if spec.code_sha not in self._code:
                root = self._home / str(len(self._code))
                with zipfile.ZipFile(io.BytesIO(spec.code)) as archive:
                    archive.extractall(root)
                self._code[spec.code_sha] = root
            return self._code[spec.code_sha]


class _Pool:
    """The processes of one function."""

    def __init__(self, start: Callable[[Spec], "_Process"]) -> None:
        self._start = start
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._busy = 0
        self._closed = False
        self._freed = threading.Condition()

    def take(self, spec: Spec, *, wait: bool) -> "_Process":
        limit = MOST_PROCESSES if spec.reserved is None else min(spec.reserved, MOST_PROCESSES)
        with self._freed:
            if spec.reserved is not None and self._busy >= spec.reserved and not wait:
                raise Throttled(f"{spec.name}: all of its {spec.reserved} reserved executions are running")
            self._freed.wait_for(lambda: self._busy < limit or self._closed)
            if self._closed:
                raise Throttled(f"{spec.name}: the sandbox is closing")
            self._busy += 1
            for process in [process for process in self._idle if process.version != spec.version or not process.alive]:
                self._idle.remove(process)
                self._discard(process)
            if self._idle:
                return self._idle.pop()
        try:
            process = self._start(spec)
        except BaseException:
            with self._freed:
                self._busy -= 1
                self._freed.notify()
            raise
        with self._freed:
            self._all.add(process)
        return process

    def give_back(self, process: "_Process") -> None:
        with self._freed:
            self._busy -= 1
            if process.alive and not self._closed:
                self._idle.append(process)
            else:
                self._discard(process)
            self._freed.notify()

    def close(self) -> None:
        with self._freed:
            self._closed = True
            processes = list(self._all)
            self._freed.notify_all()
        for process in processes:
            process.kill()

    def _discard(self, process: "_Process") -> None:
        self._all.discard(process)
        process.kill()


class _Process:
    """One warm process with the Runtime API server that it alone speaks to."""

    def __init__(self, spec: Spec, root: Path, environment: Mapping[str, str], log: Callable[[str], None]) -> None:
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
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._watch, args=(log,), daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def run(self, spec: Spec, payload: bytes, crash: str | None) -> Answer:
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
        if not invocation.done.wait(spec.timeout_s):
            invocation.finish(_error("Sandbox.Timedout", f"Error: Task timed out after {spec.timeout_s:.2f} seconds"))
            self.kill()
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
        """What the Runtime API hands out; None when the process is to end."""
        return self._invocations.get()

    def answered(self, answer: Answer) -> None:
        """What the Runtime API was told about the invocation that runs."""
        if self._current:
            self._current.finish(answer)

    def _watch(self, log: Callable[[str], None]) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                log(line.rstrip("\n"))
        status = self._child.wait()
        self.answered(_exit_error(f"exit status {status}" if status >= 0 else "signal: killed"))


class _Invocation:
    """One request of a function and, in the end, its answer; the first answer stands."""

    def __init__(self, payload: bytes, arn: str, timeout_s: float) -> None:
        self.id = str(uuid.uuid4())
        self.payload, self.arn, self.timeout_s = payload, arn, timeout_s
        self.answer: Answer | None = None
        self.taken, self.done = threading.Event(), threading.Event()

    def finish(self, answer: Answer) -> None:
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
        self._process.answered(Answer(content, failed=self.path.endswith("/error")))
        self._send(202, b'{"status":"OK"}\n', {})

    def log_message(self, format: str, *args: Any) -> None:
        """The function's own lines are log enough."""

    @property
    def _process(self) -> _Process:
        process: _Process = self.server.process  # type: ignore[attr-defined]
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


def _lambda_variables(spec: Spec, stream: str) -> dict[str, str]:
    """Lambda's reserved variables, as far as runtimes and libraries read them."""
    return {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
    }


def _exit_error(how: str) -> Answer:
    return _error("Runtime.ExitError", f"Error: Runtime exited with error: {how}")


def _error(kind: str, message: str) -> Answer:
    """An error document in the form Lambda gives those that are not the handler's own."""
    return Answer(
        json.dumps({"errorType": kind, "errorMessage": f"RequestId: {uuid.uuid4()} {message}"}).encode(), True
    )
