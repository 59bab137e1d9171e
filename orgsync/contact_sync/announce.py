"""The news of a run that has ended: its notification, and its metrics."""

from datetime import datetime

from aws_lambda_powertools.metrics import MetricUnit

from orgsync.contact_sync.core.notification import compose
from orgsync.contact_sync.core.outcome import RunOutcome, RunSummary
from orgsync.contact_sync.core.run import Run
from orgsync.contact_sync.names import Cause, Metric
from orgsync.contact_sync.services import Services
from orgsync.shared.errors import NotificationFailed
from orgsync.shared.notification_settings import Severity
from orgsync.shared.telemetry import logger, metrics

# How long a difference waited is known only where a change triggered the run: a daily
# pass may meet its first drifted account at any point of its way.
_CHANGES = (
    Cause.SOURCE_CHANGED,
    Cause.MEMBER_CHANGED,
    Cause.ACCOUNT_CREATED,
    Cause.ACCOUNT_JOINED,
    Cause.ACCOUNT_CHANGED,
)

_SEVERITY_METRICS = {
    Severity.HIGH: Metric.SEVERITY_HIGH,
    Severity.MEDIUM: Metric.SEVERITY_MEDIUM,
    Severity.LOW: Metric.SEVERITY_LOW,
}


def notify(run: Run, outcome: RunOutcome, summary: RunSummary, services: Services) -> bool:
    """Publish the notification; return whether it was delivered. A failure is counted (an alarm sees it), no more."""
    # First the way that does not depend on SNS: the metric is what User Notifications follows.
    if outcome.severity and not run.reported:
        metrics.add_metric(_SEVERITY_METRICS[outcome.severity], MetricUnit.Count, 1)
    try:
        message = compose(run, outcome, summary, services.environment)
        attributes = {"severity": outcome.severity_name, "scenario": str(outcome.scenario), "run_id": run.run_id}
        services.publisher.publish(message.subject, message.body, message.chat, message.sms, attributes)
    except NotificationFailed as error:
        metrics.add_metric(Metric.NOTIFICATIONS_FAILED, MetricUnit.Count, 1)
        logger.error("notification failed", run_id=run.run_id, reason=str(error))
        return False
    return True


def measure(run: Run, summary: RunSummary, outcome: RunOutcome) -> None:
    """Count the run in the metrics, once."""
    ended = datetime.fromisoformat(run.ended or run.started)
    metrics.add_metric(Metric.HEARTBEAT, MetricUnit.Count, 1)
    metrics.add_metric(Metric.RUNS, MetricUnit.Count, 1)
    metrics.add_metric(Metric.RUNS_FAILED, MetricUnit.Count, int(outcome.status == "failed"))
    metrics.add_metric(Metric.ACCOUNTS_IN_SYNC, MetricUnit.Count, len(summary.in_sync_accounts()))
    metrics.add_metric(Metric.ACCOUNTS_FAILED, MetricUnit.Count, len(summary.failed_accounts))
    metrics.add_metric(Metric.WRITES, MetricUnit.Count, summary.written)
    metrics.add_metric(Metric.RUN_SECONDS, MetricUnit.Seconds, _seconds(run.started, ended))
    if run.cause in _CHANGES and summary.first_write:
        first = datetime.fromisoformat(summary.first_write)
        metrics.add_metric(Metric.TRIGGER_TO_FIRST_WRITE_SECONDS, MetricUnit.Seconds, _seconds(run.triggered_at, first))


def _seconds(since: str, until: datetime) -> float:
    return max((until - datetime.fromisoformat(since)).total_seconds(), 0.0)
