"""Logs, metrics and traces of every function, through Powertools. Ids, kinds and codes only.

Traces carry no responses and no exceptions, and boto3 is not patched: its X-Ray patch
notes AWS's error messages, which may repeat a contact's values.
"""

import logging
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from orgsync.shared.errors import UnexpectedError
from orgsync.shared.names import METRIC_NAMESPACE

# Their service, the one dimension of every metric, is the stack's (POWERTOOLS_SERVICE_NAME).
# Lambda takes a line's own level only beside a timestamp of this form [doc].
logger = Logger(utc=True, use_rfc3339=True)
metrics = Metrics(namespace=METRIC_NAMESPACE)

_LIBRARY = ("orgsync.shared", "orgsync.contact_sync")
"""Parents of the loggers of everything that a function imports."""

EntryPoint = Callable[[dict[str, Any], Any], Any]


def entry_point(handler: EntryPoint) -> EntryPoint:
    """Give a function's handler its log context (the run's id on every line), its trace and its metrics."""
    inner = _traced(metrics.log_metrics(handler))

    def in_its_run(event: dict[str, Any], context: Any) -> Any:
        _set_up_lines()
        with run_lines(_run_id(event)):
            return inner(event, context)

    # Without what an earlier invocation of this process left behind.
    wrapped: EntryPoint = logger.inject_lambda_context(in_its_run, clear_state=True)
    return wrapped


def _traced(handler: EntryPoint) -> EntryPoint:
    """Give a function its trace where the stack asks for one: X-Ray's library takes a third of a start without."""
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true") != "false":
        return handler
    from aws_lambda_powertools import Tracer

    traced = Tracer(auto_patch=False).capture_lambda_handler(capture_response=False, capture_error=False)
    with_trace: EntryPoint = traced(handler)
    return with_trace


@contextmanager
def run_lines(run_id: str | None) -> Iterator[None]:
    """Put a run's id on every line that is logged inside, a crash's too.

    Raises:
        UnexpectedError: in place of an error that is none of ours. Lambda logs an uncaught error with its whole text
            and hands it to whoever called, and nobody knows what another's text repeats.
    """
    if run_id:
        logger.append_keys(run_id=run_id)
    try:
        yield
    except Exception as error:
        kind, where = type(error).__name__, _where(error)
        if _is_ours(error):
            logger.error("invocation failed", error=kind, detail=str(error), where=where)
            raise
        logger.error("invocation failed", error=kind, where=where)
        # Not chained: crhelper logs a whole chain.
        raise UnexpectedError(f"{kind} at {where}") from None


def _is_ours(error: Exception) -> bool:
    """Return whether the class is one of this library, whose texts hold ids, kinds and places."""
    return type(error).__module__.partition(".")[0] == "orgsync"


def _run_id(event: Any) -> str | None:
    """Return the run that an invocation is about: the state machine's own word, or its failure event's."""
    if not isinstance(event, dict):
        return None
    detail = event.get("detail")
    named = event.get("run_id") or (detail.get("name") if isinstance(detail, dict) else None)
    return named if isinstance(named, str) else None


def _where(error: BaseException) -> str:
    """Return file, line and function of the innermost frame of ours, without the code's text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "orgsync" in Path(frame.filename).parts] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else "unknown"


def _set_up_lines() -> None:
    """Let the library's own loggers write as `logger` does, at the level that the stack file asks for; warnings too.

    The core may know the standard library only; its lines get the run's id and the form of the others here. The
    level is set once more because Powertools puts that of Lambda's filter before the stack's own, and the filter must
    let metrics pass, which have none.
    """
    own = logging.getLogger(logger.name)
    if level := os.environ.get("LOG_LEVEL"):
        own.setLevel(level)
    for part in _LIBRARY:
        library = logging.getLogger(part)
        library.handlers, library.propagate = own.handlers, False
        library.setLevel(own.level)
    # At DEBUG the runtime opens the root's level too, and botocore would write every request with the contact in it.
    logging.getLogger().setLevel(logging.WARNING)
    for talkative in ("boto3", "botocore", "urllib3"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # A warning is plain text on stderr; through the root's handler it is the runtime's JSON.
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", "No application metrics to publish")
