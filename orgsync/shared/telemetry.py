"""Logs, metrics and traces of every function, through Powertools. Ids, kinds and codes only.

Traces carry no responses and no exceptions, and boto3 is not patched: its X-Ray patch
notes AWS's error messages, which may repeat a contact's values.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from orgsync.shared.names import METRIC_NAMESPACE

# Their service, the one dimension of every metric, is the stack's (POWERTOOLS_SERVICE_NAME).
logger = Logger()
metrics = Metrics(namespace=METRIC_NAMESPACE)
_tracer = Tracer(auto_patch=False)

EntryPoint = Callable[[dict[str, Any], Any], dict[str, Any]]


def entry_point(handler: EntryPoint) -> EntryPoint:
    """Give a function's handler its log context, its trace and its metrics."""
    traced = _tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    wrapped: EntryPoint = logger.inject_lambda_context(traced(metrics.log_metrics(handler)))
    return wrapped
