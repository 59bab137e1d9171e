"""Differences between the stacks (deployment guide), and the protection of production."""

import json
from typing import Any

import pytest
import yaml

from orgsync.components.contact_sync.deployment import Deployment
from orgsync.components.shared.stack_context import StackContext
from orgsync.contact_sync.config import parse
from orgsync.contact_sync.names import FunctionName
from orgsync.shared.configuration import validate
from tests.components.program import ROOT, Declare


def of(stack: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return config


def deployment(stack: str) -> Deployment:
    return validate(Deployment, of(stack)["orgsync:deployment"])


def test_retention_grows_with_what_is_at_stake() -> None:
    """Logs and receipts: a week, a month, ninety days."""
    assert [deployment(stack).log_retention_days for stack in ("dev", "staging", "prod")] == [7, 30, 90]
    assert [deployment(stack).receipt_retention_days for stack in ("dev", "staging", "prod")] == [7, 30, 90]


@pytest.mark.parametrize("function", FunctionName)
def test_limits_grow_too(function: FunctionName) -> None:
    """Reduced in development, moderate in staging, high in production."""
    dev, staging, prod = (getattr(deployment(stack).memory, function.module) for stack in ("dev", "staging", "prod"))
    assert dev <= staging <= prod
    assert dev < prod


def test_development_is_talkative_and_production_is_not() -> None:
    """Debug logs and news of success are for development; traces stop where they cost most."""
    talk = {stack: deployment(stack) for stack in ("dev", "staging", "prod")}
    assert [one.log_level for one in talk.values()] == ["DEBUG", "INFO", "INFO"]
    assert [one.tracing for one in talk.values()] == [True, True, False]
    configs = [parse(of(stack)["orgsync:contact_sync"]) for stack in talk]
    assert [config.notification_settings.notify_on_success for config in configs] == [True, False, False]


def test_production_is_strict() -> None:
    """It can be restored to a point in time, is protected, and tolerates fewer throttled calls."""
    dev, prod = deployment("dev"), deployment("prod")
    assert (dev.point_in_time_recovery, prod.point_in_time_recovery) == (False, True)
    assert (dev.protect, prod.protect) == (False, True)
    assert prod.throttles_tolerated < dev.throttles_tolerated


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_everything_is_tagged_with_its_project_and_environment(stack: str) -> None:
    """By the provider's default tags, so nothing can be forgotten."""
    assert of(stack)["aws:defaultTags"] == {"tags": {"project": "orgsync", "environment": stack}}


def test_no_trail_is_made_unless_it_is_asked_for(declare: Declare) -> None:
    """Most organizations have one, and a second costs."""
    for stack in ("dev", "staging", "prod"):
        assert not declare(stack).of("Trail")


def test_an_own_trail_logs_what_changes_everywhere(declare: Declare) -> None:
    """In all regions, writes only, its files checked and encrypted under the system's key."""
    program = declare("dev", deployment={"trail": True})
    (trail,) = [r.inputs for r in program if r.type == "aws:cloudtrail/trail:Trail"]
    assert trail["isMultiRegionTrail"] is True
    assert trail["enableLogFileValidation"] is True
    assert trail["eventSelectors"] == [{"readWriteType": "WriteOnly", "includeManagementEvents": True}]
    assert trail["kmsKeyId"] == "arn:aws:any:us-east-1:100000000001:contact-sync"
    # Members' own changes are wanted here, and become events only where a trail logs.
    assert trail["isOrganizationTrail"] is True


def test_only_the_trail_writes_into_its_bucket(declare: Declare, context: StackContext) -> None:
    """CloudTrail is let in for this one trail, into this account's and the organization's folder."""
    program = declare("dev", deployment={"trail": True})
    (policy,) = [p.inputs["policy"] for p in program.of("BucketPolicy") if p.name.endswith("trail")]
    statements = {s["Sid"]: s for s in json.loads(policy)["Statement"]}
    writes = statements["TrailWrites"]
    bucket = f"arn:aws:s3:::{context.trail_bucket_name}"
    assert writes["Resource"] == [f"{bucket}/AWSLogs/{owner}/*" for owner in (context.account, context.organization)]
    assert writes["Condition"]["ArnLike"]["aws:SourceArn"] == context.trail
    assert statements["TlsOnly"]["Effect"] == "Deny"
    (block,) = [b.inputs for b in program.of("BucketPublicAccessBlock") if b.name.endswith("trail")]
    assert block["restrictPublicBuckets"] is True
