"""What roles may do: every IAM statement, as a pure function of the place.

What resources let in is `resource_policies`. A wildcard stands only under a comment that gives its reason.
"""

from collections.abc import Iterable
from typing import Any

from orgsync.components.contact_sync.deployment import canonical
from orgsync.components.shared.stack_context import Place
from orgsync.contact_sync.names import ALTERNATES, manifest_key, report_key

Statement = dict[str, Any]
Condition = dict[str, dict[str, list[str]]]


def document(*statements: Statement) -> str:
    """A policy document as JSON."""
    return canonical({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, actions: Iterable[str], resources: str | Iterable[str], when: Any = None) -> Statement:
    """An Allow statement of an identity's policy."""
    listed = [resources] if isinstance(resources, str) else list(resources)
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": listed}
    return statement | ({"Condition": when} if when else {})


def logs(place: Place, function: str) -> Statement:
    """Write to the function's own log group, which the stack made."""
    # Below a log group stand its streams, which Lambda names.
    group = place.arn("logs", f"log-group:{place.log_group(function)}:*")
    return allow("OwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], group)


def traces(sampling: bool = False) -> Statement:
    """Send X-Ray segments; a state machine also asks which of its executions to trace."""
    asks = ["xray:GetSamplingRules", "xray:GetSamplingTargets"] if sampling else []
    # X-Ray has no resources to name.
    return allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments", *asks], "*")


def key_use(place: Place, key: str, *services: str) -> Statement:
    """Use the system's key, only through the services that hold its data."""
    via = [f"{service}.{place.region}.amazonaws.com" for service in services]
    return allow(
        "DataKey",
        ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
        key,
        {"StringEquals": {"kms:ViaService": via}},
    )


def configuration(table: str, *operations: str) -> Statement:
    """These operations on the configuration's versions."""
    return allow("Configuration", [f"dynamodb:{operation}" for operation in operations], table)


def state(table: str, *operations: str) -> Statement:
    """These operations on runs, receipts and the lease. Nobody deletes (items expire) or looks into an index."""
    return allow("State", [f"dynamodb:{operation}" for operation in operations], table)


def read_batches(place: Place) -> Statement:
    """Read the batches of any run."""
    # Runs name themselves as they start.
    return allow("ReadBatches", ["s3:GetObject"], f"{place.bucket}/runs/*/batches/*", in_own_account(place))


def write_batches(place: Place) -> Statement:
    """Write the batches of any run and their list."""
    # Runs name themselves as they start.
    written = [f"{place.bucket}/runs/*/batches/*", f"{place.bucket}/{manifest_key('*')}"]
    return allow("WriteBatches", ["s3:PutObject"], written, in_own_account(place))


def write_reports(place: Place) -> Statement:
    """Write the report of any run."""
    # Runs name themselves as they start.
    return allow("WriteReports", ["s3:PutObject"], f"{place.bucket}/{report_key('*')}", in_own_account(place))


def in_own_account(place: Place) -> dict[str, dict[str, str]]:
    """A bucket's ARN names no account: ours, and not one that took the name when ours was gone."""
    return {"StringEquals": {"s3:ResourceAccount": place.account}}


def own_account(place: Place) -> str:
    """The management account as a resource of Account Management (it has no region)."""
    return f"arn:{place.partition}:account::{place.account}:account"


def organization(place: Place) -> str:
    """The organization's id in ARNs and paths."""
    # Where it is not known, o-* is the same one: an organization belongs to one management account,
    # and that account stands before it in every ARN.
    return place.organization or "o-*"


def alternates_only() -> Condition:
    """Every alternate there is, whichever of them are kept: `contact_types` may change while a run is under way.

    A condition on a key with several values must be ForAnyValue or ForAllValues [doc]. AWS's example
    has the types in capitals; should they come otherwise, they match all the same.
    """
    types = sorted(kind.upper() for kind in ALTERNATES)
    return {"ForAnyValue:StringEqualsIgnoreCase": {"account:AlternateContactTypes": types}}


def read_source(place: Place) -> list[Statement]:
    """Read the management account's own contacts."""
    return [
        allow("ReadSource", ["account:GetContactInformation"], own_account(place)),
        allow("ReadSourceAlternates", ["account:GetAlternateContact"], own_account(place), alternates_only()),
    ]


def write_members(place: Place) -> list[Statement]:
    """Read and write members' contacts, and never the management account's.

    A primary contact cannot be deleted, and no statement here could.
    """
    # All members of the one organization, wherever in it they stand: units come and go without a deployment,
    # and which of them are left alone is configuration, which a run reads.
    members = f"{own_account(place)}/{organization(place)}/*"
    inside: Condition = {
        # Every path in the organization, so that a member of another one is refused twice.
        "ForAnyValue:StringLike": {"account:AccountResourceOrgPaths": [f"{organization(place)}/*"]},
    }
    primary = ["account:GetContactInformation", "account:PutContactInformation"]
    alternates = [f"account:{verb}AlternateContact" for verb in ("Get", "Put", "Delete")]
    writes = ["account:DeleteAlternateContact", "account:PutAlternateContact", "account:PutContactInformation"]
    # By itself, and as the member of the organization that it is too.
    source = [own_account(place), f"{own_account(place)}/{organization(place)}/{place.account}"]
    return [
        allow("KeepMembers", primary, members, inside),
        allow("KeepMembersAlternates", alternates, members, {**inside, **alternates_only()}),
        {"Sid": "NeverTheSource", "Effect": "Deny", "Action": writes, "Resource": source},
    ]


def see_members(place: Place, *operations: str) -> Statement:
    """These operations on one member, such as seeing its state; its ARN names the one organization of this account."""
    # Members come and go without a deployment.
    members = f"arn:{place.partition}:organizations::{place.account}:account/{organization(place)}/*"
    return allow("SeeMembers", [f"organizations:{operation}" for operation in operations], members)


def walk_organization(place: Place) -> list[Statement]:
    """List the organization's accounts and walk its units."""
    organizations = f"arn:{place.partition}:organizations::{place.account}"
    # These know no resource: Organizations answers for the whole organization.
    whole = ["organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListRoots"]
    # The ids of the organization's root and units are found by asking; the account keeps them to ours.
    below = [
        "organizations:DescribeOrganizationalUnit",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListParents",
    ]
    # The root and units of the one organization, whichever they are.
    units = [f"{organizations}:{kind}/{organization(place)}/*" for kind in ("ou", "root")]
    # Listing belongs to the organization as a whole, as said above; walking is held to it.
    return [allow("ListOrganization", whole, "*"), allow("WalkOrganization", below, units)]


def start_runs(place: Place) -> Statement:
    """Start a run; a second time changes nothing."""
    return allow("StartRuns", ["states:StartExecution"], place.state_machine)


def see_stack(place: Place) -> Statement:
    """See whether the stack that holds the custom resource is being rolled back."""
    # CloudFormation ends a stack's ARN with an id of its own.
    return allow(
        "SeeStack", ["cloudformation:DescribeStacks"], place.arn("cloudformation", f"stack/{place.name('sync')}/*")
    )


def see_runs(place: Place) -> Statement:
    """See whether a run still lives, and what its execution answered. A run's own: its children are none."""
    return allow("SeeRuns", ["states:DescribeExecution"], place.executions[0])


def publish(topics: Iterable[str]) -> Statement:
    """Send notifications."""
    # An owner's `fallback_sns_topic` may be encrypted under a key of the owner's, which the configuration does
    # not name, so no statement here can cover it: that key's own policy must let these roles in.
    return allow("Notify", ["sns:Publish"], topics)


def dead_letters(queue: str) -> Statement:
    """Leave an invocation that failed for good where it is seen."""
    return allow("DeadLetters", ["sqs:SendMessage"], queue)


def polling(place: Place, function: str) -> list[Statement]:
    """What crhelper does while it waits: a rule named after the resource that rings its own function."""
    # The rule's name is the logical id and eight random characters.
    rule = place.arn("events", f"rule/{place.logical_id}{'?' * 8}")
    target = place.function(function)
    return [
        allow("PollingRule", ["events:DeleteRule", "events:PutRule", "events:RemoveTargets"], rule),
        allow(
            "PollingTarget",
            ["events:PutTargets"],
            rule,
            # Of no target at all, everything would hold.
            {"ForAllValues:ArnEquals": {"events:TargetArn": target}, "Null": {"events:TargetArn": "false"}},
        ),
        allow(
            "PollingRings",
            ["lambda:AddPermission"],
            target,
            {"StringEquals": {"lambda:Principal": "events.amazonaws.com"}},
        ),
        # Taking a permission away names no principal; that the request is compared with one all the same is not known.
        allow("PollingEnds", ["lambda:RemovePermission"], target),
    ]


def pipeline(place: Place, key: str, functions: Iterable[str]) -> list[Statement]:
    """The state machine: its functions, the batches' list, and its own Distributed Map."""
    return [
        allow("Functions", ["lambda:InvokeFunction"], [place.function(function) for function in functions]),
        # Runs name themselves as they start.
        allow("Batches", ["s3:GetObject"], f"{place.bucket}/{manifest_key('*')}", in_own_account(place)),
        # A Distributed Map starts its children as executions of the machine itself.
        allow("Children", ["states:StartExecution"], place.state_machine),
        allow("WatchChildren", ["states:DescribeExecution", "states:StopExecution"], place.executions),
        key_use(place, key, "s3"),
        # Log delivery belongs to the account, not to a group: AWS documents these actions with "*" only.
        allow(
            "LogDelivery",
            [
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ],
            "*",  # As said above.
        ),
    ]


def ring(place: Place) -> Statement:
    """A rule's or the schedule's role: start the state machine."""
    return allow("Ring", ["states:StartExecution"], place.state_machine)


def forward(place: Place) -> Statement:
    """A rule's role in another region: put events on the default bus of the system's own."""
    return allow("Forward", ["events:PutEvents"], place.bus)


def schedule(place: Place, key: str, queue: str) -> list[Statement]:
    """The schedule starts the state machine, and leaves what fails in the encrypted queue itself."""
    return [ring(place), dead_letters(queue), key_use(place, key, "sqs")]
