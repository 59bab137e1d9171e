"""Warm processes of functions: one is chosen for each invocation, and their number is limited."""

import io
import os
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from orgsync.sandbox.cloud.lambda_process import FunctionProcess, FunctionSpec, InvocationResult

# Processes of one function at a time, unless it reserves fewer; further invocations wait.
MOST_PROCESSES = 4
_BEFORE_ANOTHER_S = 1.0
_KEPT_FROM_THE_MACHINE = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "SYSTEMROOT")


class ConcurrencyExceeded(Exception):
    """An invocation beyond the function's reserved concurrency."""


class FunctionPools:
    """The processes of all functions.

    Args:
        environment: the variables that a process needs in the cloud, for a function's spec; they win over
            what the function declares, as Lambda's reserved variables do.
        log: called with every line that a process writes: spec, stream name, line.
        crash: gives `before`, `after` or None: the moment at which the function's process is to die.
        working: entered while a process works on an invocation, its start not included.
    """

    def __init__(
        self,
        environment: Callable[[FunctionSpec], Mapping[str, str]],
        log: Callable[[FunctionSpec, str, str], None],
        crash: Callable[[set[str]], str | None],
        working: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._environment, self._log, self._crash, self._working = environment, log, crash, working
        self._pools: dict[tuple[str, str, str], _Pool] = {}
        self._code: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._home = Path(tempfile.mkdtemp(prefix="orgsync-functions-"))

    def invoke(self, spec: FunctionSpec, payload: bytes, *, wait: bool) -> InvocationResult:
        """Run the function once and wait for its answer.

        Args:
            wait: for a free process when the reserved concurrency is used up (asynchronous
                invocations are queued by Lambda), instead of being throttled.

        Raises:
            ConcurrencyExceeded: there is no free process, and `wait` is false.
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

    def _pool(self, spec: FunctionSpec) -> "_Pool":
        with self._lock:
            key = (spec.account, spec.region, spec.name)
            if key not in self._pools:
                self._pools[key] = _Pool(self._started)
            return self._pools[key]

    def _started(self, spec: FunctionSpec) -> FunctionProcess:
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        inherited = {name: os.environ[name] for name in _KEPT_FROM_THE_MACHINE if name in os.environ}
        environment = (
            inherited | dict(spec.environment) | dict(self._environment(spec)) | _lambda_variables(spec, stream)
        )
        process = FunctionProcess(spec, self._unpacked(spec), environment, lambda line: self._log(spec, stream, line))
        process.working = self._working
        return process

    def _unpacked(self, spec: FunctionSpec) -> Path:
        with self._lock:
            if spec.code_sha not in self._code:
                root = self._home / str(len(self._code))
                with zipfile.ZipFile(io.BytesIO(spec.code)) as archive:
                    archive.extractall(root)
                self._code[spec.code_sha] = root
            return self._code[spec.code_sha]


class _Pool:
    """The processes of one function."""

    def __init__(self, start: Callable[[FunctionSpec], FunctionProcess]) -> None:
        self._start = start
        self._idle: list[FunctionProcess] = []
        self._all: set[FunctionProcess] = set()
        self._busy = 0
        self._closed = False
        self._freed = threading.Condition()

    def take(self, spec: FunctionSpec, *, wait: bool) -> FunctionProcess:
        limit = MOST_PROCESSES if spec.reserved is None else min(spec.reserved, MOST_PROCESSES)
        with self._freed:
            if spec.reserved is not None and self._busy >= spec.reserved and not wait:
                raise ConcurrencyExceeded(f"{spec.name}: all of its {spec.reserved} reserved executions are running")
            # A start takes longer than most invocations do: of a burst, most are better off waiting for a warm process.
            if self._all and not self._idle:
                self._freed.wait_for(lambda: bool(self._idle) or self._closed, timeout=_BEFORE_ANOTHER_S)
            self._freed.wait_for(lambda: self._busy < limit or self._closed)
            if self._closed:
                raise ConcurrencyExceeded(f"{spec.name}: the sandbox is closing")
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
                self._freed.notify_all()
            raise
        with self._freed:
            self._all.add(process)
        return process

    def give_back(self, process: FunctionProcess) -> None:
        with self._freed:
            self._busy -= 1
            if process.alive and not self._closed:
                self._idle.append(process)
            else:
                self._discard(process)
            self._freed.notify_all()

    def close(self) -> None:
        with self._freed:
            self._closed = True
            processes = list(self._all)
            self._freed.notify_all()
        for process in processes:
            process.kill()

    def _discard(self, process: FunctionProcess) -> None:
        self._all.discard(process)
        process.kill()


def _lambda_variables(spec: FunctionSpec, stream: str) -> dict[str, str]:
    """Make Lambda's reserved variables, as far as runtimes and libraries read them."""
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
