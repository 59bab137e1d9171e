"""Logs, metrics and traces of every function, through Powertools. Ids, kinds and codes only.

Traces carry no responses and no exceptions, and boto3 is not patched: its X-Ray patch
notes AWS's error messages, which may repeat a contact's values.
"""

from aws_lambda_powertools import Logger, Metrics, Tracer

from orgsync.shared.names import METRIC_NAMESPACE

# Their service, the one dimension of every metric, is the stack's (POWERTOOLS_SERVICE_NAME).
logger = Logger()
metrics = Metrics(namespace=METRIC_NAMESPACE)
tracer = Tracer(auto_patch=False)
