"""The gateway: many clients at once, as Pulumi's engine is one."""

import sys
import threading
from collections.abc import Iterator

import pytest

from orgsync.sandbox.cloud.cloud import Cloud


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns as often as Python can, so that each step meets another's."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_what_is_read_may_grow_meanwhile(cloud: Cloud) -> None:
    """A client lists alarms while others make them: AWS answers with those that it has, and so does the sandbox."""
    client = cloud.client("cloudwatch")
    made = threading.Event()
    alarm = {
        "Namespace": "any",
        "MetricName": "any",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    }

    def make(part: str) -> None:
        for number in range(150):
            client.put_metric_alarm(AlarmName=f"{part}-{number}", **alarm)

    def make_all() -> None:
        makers = [threading.Thread(target=make, args=(part,)) for part in "ab"]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        made.set()

    threading.Thread(target=make_all).start()
    while not made.is_set():
        assert "MetricAlarms" in client.describe_alarms(AlarmNames=["a-1"])
    assert sum(len(page["MetricAlarms"]) for page in client.get_paginator("describe_alarms").paginate()) == 300
